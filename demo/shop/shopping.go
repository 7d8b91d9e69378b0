package shop

import (
	"encoding/json"
	"fmt"
	"time"
)

// shop gives the tables of the shop, parents before children.
func (w *world) shop() []table {
	return []table{
		{"customers", w.customers},
		{"addresses", w.addresses},
		{"products", w.products},
		{"orders", w.orders},
		{"order_items", w.items},
		{"invoices", w.invoices},
		{"payments", w.payments},
		{"newsletter_subscriptions", w.subscriptions},
		{"reviews", w.reviews},
		{"sessions", w.sessions},
	}
}

// habits is how much of everything a customer has.
type habits struct {
	addresses, orders, reviews, visits int
	newsletter                         bool
}

func (w *world) habits(p *person) habits {
	if p.id == AnnaID {
		return habits{addresses: 2, orders: 6, reviews: 2, visits: 3, newsletter: true}
	}
	return habits{1 + w.IntN(2), w.IntN(10), w.IntN(3), w.IntN(5), w.IntN(3) > 0}
}

func (w *world) stockShelves() {
	for _, kind := range goods {
		for i, item := range kind.items {
			sku := fmt.Sprintf("%s-%03d", kind.prefix, i+1)
			w.products = append(w.products, []any{sku, item, kind.name, money(350 + 50*w.IntN(90))})
		}
	}
}

// shopping adds a customer and what they left in the shop.
func (w *world) shopping(p *person, h habits) {
	w.customer(p)
	first := len(w.addresses)
	for i := range h.addresses {
		w.home(p, []string{"billing", "delivery"}[i])
	}
	billing, delivery := w.addresses[first], w.addresses[len(w.addresses)-1]
	for range h.orders {
		w.order(p, billing, delivery)
	}
	for range h.reviews {
		w.review(p, billing[6])
	}
	for range h.visits {
		w.visit(p)
	}
	if h.newsletter {
		w.subscribe(p.email, p.since)
	}
}

func (w *world) customer(p *person) {
	var born any
	if w.IntN(3) > 0 {
		born = day(w.between(time.Date(1940, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	interests := []string{goods[w.IntN(2)].name, goods[2+w.IntN(2)].name}
	delivery := map[string]any{"note": pick(w, []string{"Ring twice", "Behind the bicycle shed", "With the neighbours", ""}), "weekends": w.IntN(2) == 0}
	w.customers = append(w.customers, []any{
		p.id, p.email, p.first, p.last, p.phone, born, p.place.language, w.IntN(2000),
		document(map[string]any{"interests": interests, "delivery": delivery}),
		w.IntN(10) > 0, instant(p.since),
	})
}

func (w *world) home(p *person, kind string) {
	street := fmt.Sprintf("%s %d", pick(w, p.place.streets), 1+w.IntN(120))
	w.addresses = append(w.addresses, []any{
		w.uuid(), p.id, kind, p.name(), street, w.digits(p.place.postalCode), pick(w, p.place.cities), p.place.country,
	})
}

func (w *world) order(p *person, billing, delivery []any) {
	number := fmt.Sprint("SO-", 100001+len(w.orders))
	at := w.between(p.since, closed.AddDate(0, 0, 1))
	total := 0
	for line := range 1 + w.IntN(4) {
		product := pick(w, w.products)
		quantity := 1 + w.IntN(3)
		total += quantity * cents(product[3])
		w.items = append(w.items, []any{number, line + 1, product[0], quantity, product[3]})
	}
	var gift any
	if w.IntN(8) == 0 {
		gift = "For " + pick(w, p.place.first) + ", with love from " + p.first
	}
	w.orders = append(w.orders, []any{
		number, p.id, delivery[0], pick(w, []string{"paid", "sent", "delivered", "delivered", "returned"}),
		money(total), gift, w.address(), instant(at),
	})
	w.invoices = append(w.invoices, []any{
		fmt.Sprint("INV-", 100000+len(w.orders)), number, p.name(), billing[4], billing[5], billing[6], billing[7], money(total), day(at),
	})
	w.pay(number, total, at, p.place)
}

func (w *world) pay(number string, total int, at time.Time, p *place) {
	payment := []any{w.uuid(), number, "card", money(total), nil, w.digits("####"), instant(at)}
	if w.IntN(3) == 0 {
		// 00 is never the result of the check digits' calculation, ISO 13616.
		payment[2], payment[4], payment[5] = "transfer", w.digits(p.country+"00##################"), nil
	}
	w.payments = append(w.payments, payment)
}

func (w *world) review(p *person, city any) {
	author := document(map[string]any{"name": p.first + " " + p.last[:1] + ".", "city": city, "verified": true})
	w.reviews = append(w.reviews, []any{
		len(w.reviews) + 1, p.id, pick(w, w.products)[0], 1 + w.IntN(5), pick(w, opinions), author, instant(w.between(p.since, closed)),
	})
}

func (w *world) visit(p *person) {
	var pages []map[string]any
	for range 1 + w.IntN(4) {
		pages = append(pages, map[string]any{"path": "/products/" + fmt.Sprint(pick(w, w.products)[0]), "seconds": 2 + w.IntN(90)})
	}
	w.sessions = append(w.sessions, []any{w.uuid(), p.id, w.address(), pick(w, browsers), document(pages), instant(w.between(p.since, closed))})
}

func (w *world) subscribe(email string, at time.Time) {
	w.subscriptions = append(w.subscriptions, []any{
		len(w.subscriptions) + 1, email, w.IntN(8) > 0, pick(w, []string{"checkout", "footer", "fair"}), instant(at),
	})
}

// passersBy subscribe to the newsletter without ever buying anything.
func (w *world) passersBy() {
	for i := range customers / 10 {
		p := pick(w, places)
		w.subscribe(fmt.Sprintf("%s%d@example.org", plain(pick(w, p.first)), i), w.between(opened, closed))
	}
}

func cents(price any) int {
	var whole, part int
	_, _ = fmt.Sscanf(price.(string), "%d.%d", &whole, &part)
	return whole*100 + part
}

func document(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and lists of text and numbers
	}
	return string(text)
}
