package telemetry

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The hooks of the pipeline.

// Batch counts a transaction that was formed.
func (m *Metrics) Batch(commands, rows int) {
	m.batchCommands.Observe(float64(commands))
	m.batchRows.Observe(float64(rows))
}

// Waited tells how long the oldest command of a transaction had waited for it.
func (m *Metrics) Waited(oldest time.Duration) { m.waitSeconds.Observe(oldest.Seconds()) }

// Committed tells how long a commit took.
func (m *Metrics) Committed(took time.Duration) { m.commitSeconds.Observe(took.Seconds()) }

// Retried counts a transaction that is run again.
func (m *Metrics) Retried() { m.retried.Inc() }

// Conflicted counts a transaction that lost against another.
func (m *Metrics) Conflicted() { m.conflicted.Inc() }

// Bisected counts a transaction that was split to find the command that the store refuses.
func (m *Metrics) Bisected() { m.bisected.Inc() }

// Replayed counts a key that was seen again with its own command.
func (m *Metrics) Replayed() { m.replayed.Inc() }

// Mismatched counts a key that was seen again with another command.
func (m *Metrics) Mismatched() { m.mismatched.Inc() }

// Panicked counts a decision that panicked or broke a rule.
func (m *Metrics) Panicked() { m.panicked.Inc() }

// QueueFull counts a command that was refused because too many waited.
func (m *Metrics) QueueFull() { m.queueFull.Inc() }

// Expired counts a command whose time was over before its transaction began.
func (m *Metrics) Expired() { m.expired.Inc() }

// The hooks of relay and reactor.

// Published counts a message of the relay.
func (m *Metrics) Published(events int, took time.Duration) {
	m.frames.Inc()
	m.published.Add(float64(events))
	m.publishSeconds.Observe(took.Seconds())
}

// Republished counts events that the stream had lost or never got.
func (m *Metrics) Republished(events int) { m.republished.Add(float64(events)) }

// BusFailed counts a failure of the bus.
func (m *Metrics) BusFailed(error) { m.busFailures.Inc() }

// EpochStarted counts that the database had another history than the stream.
func (m *Metrics) EpochStarted(_, _ string) { m.epochs.Inc() }

// Reacted counts events that a reactor has taken in, and the commands that follow.
func (m *Metrics) Reacted(events, commands int, oldest time.Time) {
	m.reacted.Add(float64(events))
	m.followed.Add(float64(commands))
	m.reactorAge.Observe(max(time.Since(oldest).Seconds(), 0))
}

// Effective tells how long an event took from the reactor to its effect.
func (m *Metrics) Effective(took time.Duration) { m.reactorSeconds.Observe(took.Seconds()) }

// ReactionRetried counts an event whose command failed and is tried again.
func (m *Metrics) ReactionRetried(event state.Event, _ error) {
	m.reactorRetried.WithLabelValues(event.Type).Inc()
}

// Parked counts an event that became a dead letter.
func (m *Metrics) Parked(event state.Event, _ error) { m.parked.WithLabelValues(event.Type).Inc() }

// FromLog counts events that were read from the log instead of the bus.
func (m *Metrics) FromLog(events int) { m.fromLog.Add(float64(events)) }

// Reactor tells how far a reactor has come, and how many events are numbered beyond that.
func (m *Metrics) Reactor(name string, position, lag int64) {
	m.position.WithLabelValues(name).Set(float64(position))
	m.lag.WithLabelValues(name).Set(float64(max(lag, 0)))
}

// The hooks of flow, timers and effects.

// Step counts a step of a saga, such as "reserve"; fault.OK after a success.
func (m *Metrics) Step(step string, code fault.Code) {
	m.steps.WithLabelValues(step, codeName(code)).Inc()
}

// TimerFired counts a timer.
func (m *Metrics) TimerFired(kind string, code fault.Code) {
	m.timers.WithLabelValues(kind, codeName(code)).Inc()
}

// KeysPurged counts answers that were deleted for their age.
func (m *Metrics) KeysPurged(keys int) { m.purged.Add(float64(keys)) }

// BatchesPurged counts ids of transactions that were deleted for their age.
func (m *Metrics) BatchesPurged(batches int) { m.purgedBatches.Add(float64(batches)) }

// SandboxesPurged counts rows of sandboxes that were deleted because they were reset.
func (m *Metrics) SandboxesPurged(rows int) { m.purgedSandboxes.Add(float64(rows)) }

// EffectCalled times a call to the world outside.
func (m *Metrics) EffectCalled(provider, kind, answer string, took time.Duration) {
	m.calls.WithLabelValues(provider, kind, answer).Observe(took.Seconds())
}

// EffectSettled counts an effect that has its outcome.
func (m *Metrics) EffectSettled(provider, kind string, succeeded bool) {
	outcome := "refused"
	if succeeded {
		outcome = "succeeded"
	}
	m.effects.WithLabelValues(provider, kind, outcome).Inc()
}

// EffectRetried counts an effect that is tried again.
func (m *Metrics) EffectRetried(provider, kind string) {
	m.effects.WithLabelValues(provider, kind, "retried").Inc()
}

// EffectGivenUp counts an effect that became a dead letter.
func (m *Metrics) EffectGivenUp(provider, kind string) {
	m.effects.WithLabelValues(provider, kind, "given_up").Inc()
}

// EffectDropped counts an effect that found no room to wait; another process or time brings it back.
func (m *Metrics) EffectDropped(provider string) {
	m.effects.WithLabelValues(provider, "", "dropped").Inc()
}

// EffectsWaiting tells how many effects wait in this process.
func (m *Metrics) EffectsWaiting(provider string, length int) {
	m.effectQueue.WithLabelValues(provider).Set(float64(length))
}

// EffectsOpen tells how many effects of a kind have no known outcome, and how long the oldest has been waiting for it.
func (m *Metrics) EffectsOpen(kind string, count int64, oldest time.Duration) {
	m.effectsOpen.WithLabelValues(kind).Set(float64(count))
	m.effectsAge.WithLabelValues(kind).Set(oldest.Seconds())
}

// Confirmed tells how long an order took from its creation.
func (m *Metrics) Confirmed(took time.Duration) { m.confirmed.Observe(max(took.Seconds(), 0)) }

// Disputed tells how many payments have money withdrawn by a dispute that is open.
func (m *Metrics) Disputed(open int64) { m.disputed.Set(float64(open)) }

// DeadLetters tells how many dead letters are open.
func (m *Metrics) DeadLetters(open int64) { m.deadLetters.Set(float64(open)) }

// Followers counts feeds that open (1) and end (-1).
func (m *Metrics) Followers(change int) { m.followers.Add(float64(change)) }

// PublicPublished counts events that were published for outside consumers.
func (m *Metrics) PublicPublished(events int, took time.Duration, oldest time.Time) {
	m.public.Add(float64(events))
	m.publicSeconds.Observe(took.Seconds())
	m.publicAge.Observe(max(time.Since(oldest).Seconds(), 0))
}

// PublicFailed counts that publishing for outside consumers stopped.
func (m *Metrics) PublicFailed(error) { m.publicFailures.Inc() }
