package pipeline

import (
	"encoding/json"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/batch"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/state"
)

// keep stores the result under the command's key when it is one to keep, a success or a final refusal (ruling R-7). From then
// on it answers the later commands of the batch with this key too. A duplicate of a command whose refusal was transient finds
// no answer and is decided for itself.
func (l *lane) keep(member *call, result *command.Result) {
	if member.key < 0 || result.Fault != nil && !result.Fault.Stored() {
		return
	}
	answer := &state.Answer{Hash: member.command.Hash, Method: member.command.Method, At: l.overlay.now}
	if result.Fault != nil {
		text, err := json.Marshal(result.Fault)
		if err != nil { // cannot happen: a fault is text and numbers
			*result = l.refuseDecided(member, fmt.Errorf("write a fault: %w", err))
			return
		}
		answer.Code, result.Body = result.Fault.Code, text
	}
	answer.Body = result.Body
	l.overlay.keys[member.key].answer = answer
	l.overlay.answers = append(l.overlay.answers, state.KeyedAnswer{Key: batch.Key(&member.command), Answer: *answer})
}

// repeat answers a command whose key has an answer. When it is another command than the one that was answered, it is refused,
// and that refusal is not kept, because the key belongs to the first.
func (l *lane) repeat(member *call, answer *state.Answer) command.Result {
	result, err := command.Repeat(&member.command, answer)
	switch {
	case err != nil:
		return l.refuseDecided(member, err)
	case !result.Replayed:
		observe(l.environment.Observe.Mismatch)
		return refusal(&member.command, result.Fault)
	}
	observe(l.environment.Observe.Replay)
	return result
}
