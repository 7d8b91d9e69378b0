package shop

// place is a country with what is usual there; # stands for a digit. Phone
// numbers are those that the regulator keeps for films (Bundesnetzagentur,
// Arcep, Ofcom, PTS); where none are known, nobody leaves one.
type place struct {
	country, language, phone, postalCode string
	first, last, cities, streets         []string
}

var places = []place{
	{
		"DE", "de", "+493023125###", "#####",
		[]string{"Anna", "Ben", "Clara", "Emil", "Frieda", "Greta", "Hannah", "Jonas", "Karl", "Lena", "Mats", "Nele", "Oskar", "Paula", "Yusuf", "Zeynep"},
		[]string{"Albrecht", "Brandt", "Demir", "Fuchs", "Hoffmann", "Keller", "Krüger", "Lindner", "Neumann", "Öztürk", "Schäfer", "Vogel", "Weiß", "Winter"},
		[]string{"Berlin", "Bremen", "Dresden", "Freiburg", "Hamburg", "Köln", "Leipzig", "München"},
		[]string{"Ahornweg", "Bahnhofstraße", "Gartenstraße", "Kirchgasse", "Lindenallee", "Schillerstraße"},
	},
	{
		"FR", "fr", "+3319900####", "#####",
		[]string{"Amélie", "Baptiste", "Camille", "Élodie", "Fatou", "Hugo", "Inès", "Jules", "Léa", "Manon", "Noé", "Théo"},
		[]string{"Bernard", "Chevalier", "Diallo", "Fournier", "Girard", "Lefèvre", "Moreau", "N'Guyen", "Renaud", "Rousseau"},
		[]string{"Bordeaux", "Lille", "Lyon", "Marseille", "Nantes", "Paris", "Rennes"},
		[]string{"rue de la Gare", "rue des Lilas", "avenue Jean Moulin", "place du Marché", "rue Victor Hugo"},
	},
	{
		"GB", "en", "+442079460###", "SW# #AA",
		[]string{"Aisha", "Callum", "Eleanor", "Freya", "George", "Imogen", "Jack", "Niamh", "Oliver", "Priya", "Rhys", "Sophie"},
		[]string{"Ahmed", "Clarke", "Davies", "Evans", "Fraser", "Hughes", "MacDonald", "O'Connor", "Patel", "Taylor", "Wright"},
		[]string{"Bath", "Bristol", "Cardiff", "Glasgow", "Leeds", "London", "York"},
		[]string{"Church Lane", "High Street", "Mill Road", "Orchard Close", "Station Road", "Victoria Terrace"},
	},
	{
		"IT", "it", "", "#####",
		[]string{"Alessia", "Bruno", "Chiara", "Davide", "Elena", "Federico", "Giulia", "Lorenzo", "Martina", "Niccolò"},
		[]string{"Bianchi", "Colombo", "D'Angelo", "Esposito", "Ferrari", "Greco", "Lombardi", "Ricci", "Romano"},
		[]string{"Bari", "Bologna", "Firenze", "Milano", "Napoli", "Torino"},
		[]string{"via Garibaldi", "via dei Mille", "corso Italia", "piazza San Marco", "via Roma"},
	},
	{
		"NL", "nl", "", "#### AB",
		[]string{"Anouk", "Bram", "Daan", "Fleur", "Jasmijn", "Lotte", "Maarten", "Sanne", "Sem", "Thijs"},
		[]string{"Bakker", "de Boer", "de Vries", "Jansen", "Mulder", "van den Berg", "van Dijk", "Visser"},
		[]string{"Amsterdam", "Delft", "Groningen", "Leiden", "Rotterdam", "Utrecht"},
		[]string{"Dorpsstraat", "Kerkstraat", "Molenweg", "Prinsengracht", "Stationsweg"},
	},
	{
		"PL", "pl", "", "##-###",
		[]string{"Agnieszka", "Bartosz", "Dorota", "Ewa", "Grzegorz", "Jakub", "Kinga", "Łukasz", "Małgorzata", "Paweł"},
		[]string{"Dąbrowski", "Kamiński", "Kowalczyk", "Lewandowski", "Nowak", "Wiśniewska", "Wójcik", "Zieliński"},
		[]string{"Gdańsk", "Kraków", "Łódź", "Poznań", "Warszawa", "Wrocław"},
		[]string{"ul. Długa", "ul. Kwiatowa", "ul. Leśna", "ul. Polna", "ul. Słoneczna"},
	},
	{
		"SE", "sv", "+468465004##", "### ##",
		[]string{"Alva", "Björn", "Ebba", "Elin", "Gustav", "Ingrid", "Lars", "Maja", "Nils", "Saga"},
		[]string{"Andersson", "Bergström", "Eriksson", "Holm", "Johansson", "Lindqvist", "Nyström", "Sjöberg"},
		[]string{"Göteborg", "Lund", "Malmö", "Stockholm", "Uppsala"},
		[]string{"Björkvägen", "Drottninggatan", "Kungsgatan", "Skolgatan", "Storgatan"},
	},
}

// goods are the ranges of the shop and what is in them.
var goods = []struct {
	name, prefix string
	items        []string
}{
	{"tea", "TEA", []string{"Assam", "Darjeeling", "Earl Grey", "Genmaicha", "Jasmine Pearls", "Lapsang Souchong", "Mint", "Oolong", "Rooibos", "Sencha"}},
	{"coffee", "COF", []string{"Antigua", "Decaf Sumatra", "Espresso Forte", "House Blend", "Kenya AA", "Sidamo", "Yirgacheffe"}},
	{"chocolate", "CHO", []string{"Dark 85 %", "Hazelnut", "Milk with Sea Salt", "Orange Peel", "Ruby", "White with Lemon"}},
	{"brewing", "BRW", []string{"Burr Grinder", "Cast-Iron Pot", "Filter Papers", "French Press", "Gooseneck Kettle", "Pour-over Set", "Tea Strainer", "Travel Mug"}},
}

var (
	opinions = []string{
		"Exactly as described, and quickly delivered.", "A bit too strong for me, my partner loves it.",
		"The tin arrived with a dent, but the content is wonderful.", "I would order it again.",
		"Good, though I have had better for the price.", "Our whole office drinks nothing else now.",
	}
	questions = []string{
		"Where is my parcel?", "One tin was broken", "Change of delivery address", "Question about my invoice",
		"May I return an opened bag?", "My discount code does not work",
	}
	pleas = []string{
		"Hello, the parcel should have been here on Tuesday. Could you look where it is?",
		"Good morning, I have moved. Please send the next order to my new address.",
		"Dear team, the invoice has the wrong first name on it. Can you write a new one?",
		"Hi, I was charged twice and would like one of the amounts back.",
	}
	replies = []string{
		"Thank you for writing. I have asked the carrier and will come back to you tomorrow.",
		"That is done. Is there anything else that I can do for you?",
		"I am sorry about that. A replacement leaves our warehouse today.",
	}
	browsers = []string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36",
	}
)
