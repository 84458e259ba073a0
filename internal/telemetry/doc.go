// Package telemetry is how the program is watched: log lines (NewLogger), numbers (Metrics) and spans (Tracer).
//
// The rooms that are watched do not know it. Machinery has hooks, functions that it calls when something has happened, and app
// puts the methods of Metrics and Tracer there. So every method here takes plain values and is cheap enough for a hot path:
// label sets are resolved once, where they are known, and a Tracer without a collector is nil and does nothing.
//
// Labels are drawn from closed sets only (methods, codes, dialects, kinds, outcomes), never from ids or texts of a request.
package telemetry
