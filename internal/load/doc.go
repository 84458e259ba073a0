// Package load is the small client that the demo, the replay of real orders and the benchmarks share: it connects, sends commands
// until they have a final answer, follows many orders by one feed, and measures.
//
// Two habits keep it honest. A command is repeated with the same idempotency key only, so that an answer that was lost never
// becomes a second order. And a caller never polls an order: one WatchOrders stream carries the changes of all of them, and
// reading an order is only the safety net for a feed that had to begin anew.
package load
