package pipeline

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// maxEvents is how many events a batch can number: the last two bytes of their ids (id.UUID.Member).
const maxEvents = 1 << 16

// decideAll decides commands in order, each on what the ones before have left, and leaves their results in them. It answers how
// many it decided: fewer than all when the events of the next one would not fit, which then starts a batch of its own.
func (l *lane) decideAll(members []*call) int {
	for i, member := range members {
		if !l.decide(member) {
			return i
		}
	}
	return len(members)
}

// decide brings one command to its result. It answers false, with nothing changed, when the batch has no room for its events.
func (l *lane) decide(member *call) (fits bool) {
	o := l.overlay
	if member.key >= 0 && o.keys[member.key].answer != nil {
		member.result = l.repeat(member, o.keys[member.key].answer)
		return true
	}
	start := o.begin()
	result, err := l.carryOut(member)
	if err == nil && len(o.events) > maxEvents {
		if start.events > 0 {
			o.rollback(start)
			return false
		}
		err = fmt.Errorf("the command has %d events, a batch can number %d", len(o.events), maxEvents)
	}
	if err != nil || member.command.DryRun { // a dry run's answer is a row that nobody else gets to see
		o.rollback(start)
	}
	if err != nil {
		result = l.refuseDecided(member, err)
	}
	result.At = o.now
	l.keep(member, &result)
	member.result = result
	return true
}

// refuseDecided answers for a command whose decision refused or went wrong. Only faults are meant; everything else is a defect,
// and the log has its cause.
func (l *lane) refuseDecided(member *call, err error) command.Result {
	var refused *fault.Fault
	if !errors.As(err, &refused) {
		observe(l.environment.Observe.Panic)
		l.environment.Logger.Error("a command was refused because of a defect",
			"trace_id", member.command.TraceID, "method", member.command.Method, "tenant", member.command.Tenant, "cause", err)
		refused = fault.From(err)
	}
	return refusal(&member.command, refused)
}

// carryOut runs a command's steps and encodes what comes of them. A panic in any of the foreign functions, decisions and
// encodings, is an error like another.
func (l *lane) carryOut(member *call) (result command.Result, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	o, at := l.overlay, member.firstRef
	answer := member.command.Answer
	var every []state.Ref
	for i := range member.command.Steps {
		step := &member.command.Steps[i]
		l.view.open(step.Refs, o.named[at:at+len(step.Refs)])
		at += len(step.Refs)
		next := step.Next(&l.view)
		if next == nil {
			continue
		}
		decision, refused := next.Decide(&l.view, o.now)
		if refused != nil {
			return command.Result{}, refused
		}
		if err := l.apply(member, &decision); err != nil {
			return command.Result{}, err
		}
		if decision.Refusal != nil {
			return noted(member, decision.Refusal)
		}
		if answer == (state.Ref{}) {
			answer = decision.Answer
		}
		if member.command.Every && decision.Answer != (state.Ref{}) { // a check answers nothing
			every = append(every, decision.Answer)
		}
	}
	if member.command.Every {
		return l.encodeEvery(member, every)
	}
	if answer == (state.Ref{}) {
		return command.Result{}, nil
	}
	return l.encode(member, answer)
}

// noted makes the result of a command that is refused and whose refusal is noted in rows. The two are kept together or not at all: a refusal
// that is not stored under the key would be noted again by each repeat.
func noted(member *call, refused *fault.Fault) (command.Result, error) {
	if !refused.Stored() {
		return command.Result{}, fmt.Errorf("the decision notes a refusal that is not stored: %s", refused.Reason)
	}
	return refusal(&member.command, refused), nil
}

// encode makes the result of a success. Only what is kept under a key is encoded: internal commands are asked for no body.
func (l *lane) encode(member *call, answer state.Ref) (command.Result, error) {
	at, found := l.overlay.index[answer]
	if !found || l.overlay.cells[at].current == nil {
		return command.Result{}, fmt.Errorf("the answer is %v, which does not exist", answer)
	}
	l.overlay.cells[at].seen = true
	result := command.Result{Row: l.overlay.cells[at].current}
	if member.command.Key != "" {
		result.Body = l.environment.EncodeAnswer(result.Row)
	}
	return result, nil
}

// encodeEvery makes the result of a success whose steps all answer.
func (l *lane) encodeEvery(member *call, answers []state.Ref) (command.Result, error) {
	result := command.Result{Rows: make([]state.Row, len(answers))}
	for i, answer := range answers {
		at, found := l.overlay.index[answer]
		if !found || l.overlay.cells[at].current == nil {
			return command.Result{}, fmt.Errorf("the answer of step %d is %v, which does not exist", i, answer)
		}
		l.overlay.cells[at].seen = true
		result.Rows[i] = l.overlay.cells[at].current
	}
	if member.command.Key != "" {
		result.Body = l.environment.EncodeAnswers(result.Rows)
	}
	return result, nil
}

// apply adds a decision to the overlay.
func (l *lane) apply(member *call, decision *domain.Decision) error {
	o := l.overlay
	for i := range decision.Changes {
		change := &decision.Changes[i]
		if change.After == nil {
			return errors.New("the decision changes a row to nothing; rows are not deleted")
		}
		if err := l.view.change(change); err != nil {
			return err
		}
		if e, isEffect := change.After.(*state.Effect); isEffect && change.Before == nil && e.TraceID == "" {
			e.TraceID = member.command.TraceID // the decision just made it, nobody else has it
		}
		if change.Event != "" {
			l.tell(member, change)
		}
	}
	for i := range decision.Transfers {
		if err := decision.Transfers[i].Check(); err != nil {
			return err
		}
	}
	o.transfers = append(o.transfers, decision.Transfers...)
	o.timers = append(o.timers, decision.Timers...)
	return nil
}

// tell adds the event of a change. Its id follows from its place in the batch, when that is known.
func (l *lane) tell(member *call, change *domain.Change) {
	o := l.overlay
	payload, version := l.environment.EncodeEvent(*change, o.now)
	if o.events == nil {
		o.events = make([]state.Event, 0, max(16, o.givenAway))
	}
	ref := change.After.Ref()
	o.events = append(o.events, state.Event{
		Tenant:         ref.Tenant,
		AggregateKind:  ref.Kind,
		AggregateID:    ref.ID,
		Seq:            change.After.EventSeq(),
		Type:           change.Event,
		At:             o.now,
		TraceID:        member.command.TraceID,
		IdempotencyKey: member.command.Key,
		SchemaVersion:  version,
		Payload:        payload,
	})
}
