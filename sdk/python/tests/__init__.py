"""The suite of the gate. Run it with `go test ./sdk/python`, which builds the server that it asks."""
