// Package wager decides about sessions, and the bets and rounds that are played in them (requirements P-1, P-4).
package wager

// The types of events.
const (
	EventSessionCreated = "session.created"
	EventSessionClosed  = "session.closed"
	EventAuthorized     = "bet.authorized"
	EventSettled        = "bet.settled"
	EventRolledBack     = "bet.rolled_back"
	EventRoundClosed    = "round.closed"
)
