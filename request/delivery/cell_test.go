package delivery

import "testing"

func TestNamesOfFieldsBecomeHeadings(t *testing.T) {
	for name, want := range map[string]string{
		"first_name": "First name", "createdAt": "Created at", "created-at": "Created at", "customer_id": "Customer ID", "id": "ID",
		"userID": "User ID", "HTTPStatus": "Http status", "ipAddress": "IP address", "address2": "Address2", "ÄRA": "Ära",
		"": "", "__": "__", "a.b": "A b", "straße": "Straße",
	} {
		if got := humanise(name); got != want {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}
