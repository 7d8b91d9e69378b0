// Package webhook tells machines what happened. Events are read from the
// ledger by sequence, so that no write waits for them or queues anything.
package webhook
