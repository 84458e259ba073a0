package effect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// attempt tries to bring a claimed effect to its outcome: it asks first when a call may have been made, then calls.
func (w *Workers) attempt(ctx context.Context, d *desk, j job) {
	e := j.effect
	w.open.put(e) // a callback may be here before the call returns
	limit := time.Now().Add(w.o.Timeout)
	if j.ask || late(e) {
		var answer gateway.Answer
		var err error
		ctx, answer, err = w.observed(ctx, limit, e, "ask", func(ctx context.Context) (gateway.Answer, error) {
			return gateway.Lookup(ctx, d.gateway, e.Kind, request(e))
		})
		asked := state.EffectAttempt{By: state.PartyReconciler, Asked: true}
		switch {
		case err != nil:
			w.failed(ctx, j, asked, err, true)
			return
		case answer.Final():
			w.settle(ctx, e, answer, asked)
			return
		case answer.Status != gateway.NotFound:
			w.pending(ctx, e, asked)
			return
		case late(e):
			w.settle(ctx, e, gateway.Answer{Status: gateway.Declined, Reason: gateway.ReasonExpired}, asked)
			return
		}
		w.note(ctx, e, asked)
	}
	called := state.EffectAttempt{By: state.PartyWorker}
	ctx, answer, err := w.observed(ctx, limit, e, e.Kind, func(ctx context.Context) (gateway.Answer, error) {
		return gateway.Call(ctx, d.gateway, e.Kind, request(e))
	})
	switch {
	case err != nil:
		w.failed(ctx, j, called, err, gateway.ClassOf(err) != gateway.ClassNotReached)
	case answer.Final():
		w.settle(ctx, e, answer, called)
	case answer.Status == gateway.Accepted || answer.Status == gateway.Pending:
		// Nothing is stored: the callback settles it, or the end of the claim has somebody ask.
	default:
		w.failed(ctx, j, called, fmt.Errorf("the gateway answered a call with %q", answer.Status), true)
	}
}

// late tells that an effect was claimed when its time was over: what the gateway has not done by then it is not asked to do any more.
func late(e *state.Effect) bool { return !e.ExpiresAt.IsZero() && !e.UpdatedAt.Before(e.ExpiresAt) }

// note writes down that the gateway was asked and knew of no call. The call that follows may be answered by a callback, which
// could not tell. If it cannot be written, the call is made all the same: the history is told, it is not acted upon.
func (w *Workers) note(ctx context.Context, e *state.Effect, did state.EffectAttempt) {
	did.Result = state.ResultNotFound
	if result := w.o.Submit(ctx, w.command(e, "note", w.o.Flow.Note(e, did))); result.Fault != nil {
		w.log(e).Warn("the answer to an inquiry is missing in the history", "cause", result.Fault)
	}
}

// observed counts, times and traces what a gateway does. What follows from the answer goes on in the context of the call's span.
func (w *Workers) observed(ctx context.Context, limit time.Time, e *state.Effect, kind string,
	call func(context.Context) (gateway.Answer, error),
) (inside context.Context, answer gateway.Answer, err error) {
	inside, end := w.begin(ctx, e, kind)
	limited, cancel := context.WithDeadline(inside, limit)
	defer cancel()
	start := time.Now()
	answer, err = call(limited)
	name := answer.Status.String()
	if err != nil {
		name = [...]string{"unknown", "not_reached", "permanent"}[gateway.ClassOf(err)]
	}
	if hook := w.o.Observe.Call; hook != nil {
		hook(e.Provider, kind, name, time.Since(start))
	}
	end(name, err)
	return inside, answer, err
}

// begin opens a span where spans are made.
func (w *Workers) begin(ctx context.Context, e *state.Effect, kind string) (inside context.Context, end func(outcome string, err error)) {
	if w.o.Begin == nil {
		return ctx, noSpan
	}
	return w.o.Begin(ctx, e, kind)
}

func noSpan(string, error) {}

func request(e *state.Effect) gateway.Request {
	return gateway.Request{
		Tenant: e.Tenant, Key: e.ID, Payment: e.AggregateID, OrderID: e.OrderID, Token: e.Token, ExternalID: e.ExternalID,
		Currency: e.Currency, AmountMinor: e.AmountMinor, TraceID: e.TraceID,
	}
}

// failed puts an effect off after an error, or gives it up: at once when trying again is futile, else when the attempts are used
// up and the one before failed too. An effect that was pending for long, and so has many attempts, thereby survives one error.
//
// An attempt that asked first leaves the next one to ask as well, even if its own call has surely reached nobody: the answer was of
// then, and whoever had the effect before, and was asleep, may call late.
func (w *Workers) failed(ctx context.Context, j job, did state.EffectAttempt, err error, called bool) {
	e := j.effect
	did.Result, did.Reason = state.ResultUnknown, clean(err.Error())
	if gateway.ClassOf(err) == gateway.ClassNotReached {
		did.Result = state.ResultNotReached
	}
	most := w.o.of(e.Provider).Attempts
	usedUp := int(e.Attempts) >= most && (e.LastError != "" || most == 1)
	if usedUp || gateway.ClassOf(err) == gateway.ClassPermanent {
		w.abandon(ctx, e, did)
		return
	}
	w.log(e).Warn("a call to the gateway failed and is tried again", "kind", e.Kind, "may_have_been_made", called, "cause", err)
	after := w.backoff(e)
	if called {
		w.putOff(ctx, e, "doubt", after, w.o.Flow.Doubt(e, after, did))
		return
	}
	w.putOff(ctx, e, "retry", after, w.o.Flow.Retry(e, after, did, j.ask))
}

// pending puts an effect off of which the gateway knows, but not the outcome. That is no failure, so it is asked again after a time in
// proportion to how long the effect has waited: what is known a moment later is not waited for much longer, what takes hours is not
// asked about every second.
func (w *Workers) pending(ctx context.Context, e *state.Effect, did state.EffectAttempt) {
	did.Result = state.ResultPending
	if int(e.Attempts) >= w.o.Patience {
		did.Reason = "the gateway says pending, and has said so for long"
		w.abandon(ctx, e, did)
		return
	}
	waited := e.UpdatedAt.Sub(e.CreatedAt) // until the claim, both by the database's clock
	after := jitter(min(max(waited/2, w.o.BackoffMin), w.o.BackoffMax))
	w.putOff(ctx, e, "retry", after, w.o.Flow.Retry(e, after, did, true))
}

// putOff gives the claim of an attempt that is over back before its time, so that the next attempt need not wait for the end of the
// lease: that is for processes that die. If it cannot be stored, the claim ends all the same.
func (w *Workers) putOff(ctx context.Context, e *state.Effect, step string, after time.Duration, steps []command.Step) {
	if hook := w.o.Observe.Retried; hook != nil {
		hook(e.Provider, e.Kind)
	}
	if refused := w.persist(ctx, e, step, func() ([]command.Step, error) { return steps, nil }); refused != nil {
		w.log(e).Warn("an effect could not be put off; the end of its claim brings it back", "cause", refused)
		return
	}
	w.alarm.set(after + time.Millisecond) // the store may round up
}

// settle brings an outcome into the books, however long that takes while the process lives. A wrong one goes to the dead letters.
// Each try after the first reads the effect again: it may have been given up while its answer was on the way. False says that the outcome
// may not be stored: the process is ending, or it is refused. A callback has to bring it again then: what is given up is settled by the
// next word of the gateway, which may be an older one.
func (w *Workers) settle(ctx context.Context, e *state.Effect, answer gateway.Answer, did state.EffectAttempt) bool {
	if problem := mismatch(e, answer); problem != "" {
		did.Result, did.Reason = state.ResultUnusable, problem
		w.abandon(ctx, e, did)
		return false
	}
	outcome := Outcome{
		Succeeded: answer.Status == gateway.Succeeded, ExternalID: clean(answer.ExternalID), By: did.By, Asked: did.Asked,
		CaptureBefore: answer.CaptureBefore.UTC().Truncate(time.Microsecond), // as stores keep it
	}
	kept := card.Told(string(answer.Card.Brand), answer.Card.LastFour)
	outcome.Card = state.Card{Brand: string(kept.Brand), LastFour: kept.LastFour}
	if !outcome.Succeeded {
		outcome.Reason = clean(answer.Reason)
	}
	current, again := e, false
	refused := w.persist(ctx, e, "settle", func() (_ []command.Step, err error) {
		if again {
			if current, err = w.o.Store.Effect(ctx, e.Tenant, e.ID); err != nil {
				return nil, fmt.Errorf("read the effect: %w", err)
			}
		}
		again = true
		var names []string
		if w.o.Flow.NeedsNames(current, outcome) {
			if names, err = w.o.Names(ctx, e.Tenant, cmp.Or(e.OrderID, e.AggregateID)); err != nil {
				return nil, err
			}
		}
		return w.o.Flow.Settle(current, names, outcome), nil
	})
	switch {
	case refused == nil:
		w.open.drop(e)
		w.settled.Add(1)
		if hook := w.o.Observe.Settled; hook != nil {
			hook(e.Provider, e.Kind, outcome.Succeeded)
		}
	case errors.Is(refused, context.Canceled):
		return false
	case current.State == state.EffectDone: // a refund came back: there is no call to give up
		w.log(e).Error("a refund came back, and that is refused; the gateway has to tell it again", "cause", refused)
		return false
	default:
		did.Result = state.ResultUnusable
		did.Reason = clean(fmt.Sprintf("the gateway answered %s, which is refused: %v", answer.Status, refused))
		w.abandon(ctx, e, did)
		return false
	}
	return true
}

// mismatch tells what is wrong with a success: the gateway did something else than it was asked for. A void moves no money.
func mismatch(e *state.Effect, answer gateway.Answer) string {
	if answer.Status != gateway.Succeeded || e.Kind == gateway.KindVoid ||
		(answer.AmountMinor == e.AmountMinor && answer.Currency == e.Currency) {
		return ""
	}
	return clean(fmt.Sprintf("the gateway answered a success over %d %s, asked was %d %s; it was not booked",
		answer.AmountMinor, answer.Currency, e.AmountMinor, e.Currency))
}

// abandon gives an effect up, for the reason of what was done last.
func (w *Workers) abandon(ctx context.Context, e *state.Effect, did state.EffectAttempt) {
	w.log(e).Error("a call to the gateway is given up; it is in the dead letters", "kind", e.Kind, "cause", did.Reason)
	refused := w.persist(ctx, e, "give-up", func() ([]command.Step, error) { return w.o.Flow.GiveUp(e, did), nil })
	if refused != nil {
		w.log(e).Error("a dead letter could not be written; the end of the claim brings the effect back", "cause", refused)
		return
	}
	w.open.drop(e)
	w.settled.Add(1)
	if hook := w.o.Observe.GivenUp; hook != nil {
		hook(e.Provider, e.Kind)
	}
}

// Waiting times of persist.
const (
	persistFirst = 10 * time.Millisecond
	persistLimit = 5 * time.Second
)

// persist submits a command until it is stored or refused for good. The error is context.Canceled when the process is ending.
func (w *Workers) persist(ctx context.Context, e *state.Effect, step string, steps func() ([]command.Step, error)) error {
	var tries command.Tries
	for try := int32(1); ; try++ {
		var refused *fault.Fault
		if group, err := steps(); err != nil {
			refused = fault.New(fault.Unavailable, "UNAVAILABLE", "read what the step is about").Because(err)
		} else if refused = w.o.Submit(ctx, w.command(e, step, group)).Fault; refused == nil {
			return nil
		}
		if tries.Final(refused) {
			return refused
		}
		if !w.wait(ctx, jittered(try, persistFirst, persistLimit)) {
			return context.Canceled
		}
	}
}

// backoff is the time until the next attempt.
func (w *Workers) backoff(e *state.Effect) time.Duration {
	own := w.o.of(e.Provider)
	return jittered(e.Attempts, own.BackoffMin, own.BackoffMax)
}

// jittered doubles a time with each attempt from the first on, up to a limit, with jitter, so that what failed together does not come
// back together.
func jittered(attempt int32, first, limit time.Duration) time.Duration {
	d := limit
	if shift := max(attempt-1, 0); shift < 30 && first<<shift < limit {
		d = first << shift
	}
	return jitter(d)
}

// jitter takes off up to a half.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/2+1) //nolint:gosec // chance, no secret
}

// textLimit bounds the foreign words that are stored.
const textLimit = 500

// clean makes foreign words fit to be stored: short, valid UTF-8, no NUL.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) > textLimit {
		text = strings.ToValidUTF8(text[:textLimit], "")
	}
	return text
}
