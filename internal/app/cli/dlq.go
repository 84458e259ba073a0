package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// dlq is `oms dlq`. It goes through the running server, so that what it does is authorized and stands in the log.
type dlq struct {
	target
	List   dlqList   `cmd:"" help:"List dead letters, newest first."`
	Show   dlqShow   `cmd:"" help:"Show one dead letter and what it holds."`
	Replay dlqReplay `cmd:"" help:"Carry dead letters out again; that frees their aggregates."`
}

// page is how many letters are asked for at once.
const page = 100

// dlqList is `oms dlq list`.
type dlqList struct {
	All   bool `env:"-" help:"Those that were replayed too."`
	Limit int  `env:"-" default:"100" help:"How many to list at most."`
	JSON  bool `env:"-" name:"json" help:"Write them as JSON."`
}

// Run lists dead letters.
func (l *dlqList) Run(c *console, ctx *contextOf, d *dlq) error {
	var letters []*omsv1.DeadLetter
	more := false
	err := d.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		letters, more, err = l.read(ctx, omsv1.NewAdminServiceClient(conn))
		return err
	})
	switch {
	case err != nil:
		return err
	case l.JSON:
		return writeJSON(c.out, lettersOf(letters))
	case len(letters) == 0:
		say(c.out, "No dead letters.\n")
		return nil
	}
	printLetters(c.out, letters)
	if more {
		say(c.out, "\nThere are more than %d; --limit shows them.\n", l.Limit)
	}
	return nil
}

func (l *dlqList) read(ctx context.Context, client omsv1.AdminServiceClient) (letters []*omsv1.DeadLetter, more bool, err error) {
	request := &omsv1.ListDeadLettersRequest{IncludeReplayed: l.All}
	for len(letters) < l.Limit {
		request.PageSize = int32(min(page, l.Limit-len(letters))) //nolint:gosec // at most a page
		answer, err := client.ListDeadLetters(ctx, request)
		if err != nil {
			return nil, false, err
		}
		letters = append(letters, answer.GetDeadLetters()...)
		request.PageToken = answer.GetNextPageToken()
		if request.PageToken == "" {
			return letters, false, nil
		}
	}
	return letters, true, nil
}

// printLetters writes a table.
func printLetters(w io.Writer, letters []*omsv1.DeadLetter) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	say(table, "ID\tCREATED\tKIND\tAGGREGATE\tATTEMPTS\tSTATE\tERROR\n")
	for _, letter := range letters {
		row := []string{
			letter.GetId(), moment(letter.GetCreatedAt()), letter.GetKind(), letter.GetAggregateId(),
			strconv.Itoa(int(letter.GetAttempts())), stateOf(letter), shorten(letter.GetError()),
		}
		say(table, "%s\n", strings.Join(row, "\t"))
	}
	table.Flush() //nolint:errcheck // the terminal may be gone
}

// dlqShow is `oms dlq show`.
type dlqShow struct {
	ID   string `arg:"" help:"deadletter:<uuid>, as oms dlq list shows it."`
	JSON bool   `env:"-" name:"json" help:"Write it as JSON."`
}

// Run shows one dead letter.
func (s *dlqShow) Run(c *console, ctx *contextOf, d *dlq) error {
	var letter *omsv1.DeadLetter
	err := d.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) error {
		answer, err := omsv1.NewAdminServiceClient(conn).GetDeadLetter(ctx, &omsv1.GetDeadLetterRequest{Id: s.ID})
		letter = answer.GetDeadLetter()
		return err
	})
	switch {
	case err != nil:
		return err
	case s.JSON:
		return writeJSON(c.out, letterOf(letter))
	}
	printLetter(c.out, letter)
	return nil
}

func printLetter(w io.Writer, letter *omsv1.DeadLetter) {
	for _, line := range [][2]string{
		{"id", letter.GetId()}, {"tenant", letter.GetTenantId()}, {"aggregate", letter.GetAggregateId()}, {"kind", letter.GetKind()},
		{"attempts", strconv.Itoa(int(letter.GetAttempts()))}, {"created", moment(letter.GetCreatedAt())},
		{"state", stateOf(letter)}, {"error", plain(letter.GetError())}, {"payload", payloadText(letter.GetPayload())},
	} {
		say(w, "%-10s %s\n", line[0], line[1])
	}
}

// dlqReplay is `oms dlq replay`.
type dlqReplay struct {
	IDs []string `arg:"" name:"id" help:"deadletter:<uuid>, as oms dlq list shows it."`
}

// Run replays dead letters one after the other; it goes on after a failure and fails at the end.
func (r *dlqReplay) Run(c *console, ctx *contextOf, d *dlq) error {
	failed := 0
	for _, id := range r.IDs {
		err := d.with(ctx, func(ctx context.Context, conn *grpc.ClientConn) error {
			_, err := omsv1.NewAdminServiceClient(conn).ReplayDeadLetter(freshKey(ctx), &omsv1.ReplayDeadLetterRequest{Id: id})
			return err
		})
		if err != nil {
			failed++
			say(c.out, "%s  failed: %v\n", id, err)
			continue
		}
		say(c.out, "%s  replayed\n", id)
	}
	if failed > 0 {
		return failure{exitFailed, fmt.Errorf("%d of %d dead letters could not be replayed", failed, len(r.IDs))}
	}
	return nil
}

// letter is a dead letter as scripts read it.
type letter struct {
	ID          string     `json:"id"`
	TenantID    string     `json:"tenant_id"`
	AggregateID string     `json:"aggregate_id"`
	Kind        string     `json:"kind"`
	Error       string     `json:"error"`
	Attempts    int32      `json:"attempts"`
	CreatedAt   time.Time  `json:"created_at"`
	ReplayedAt  *time.Time `json:"replayed_at,omitempty"`
	Payload     []byte     `json:"payload,omitempty"` // base64
}

func letterOf(l *omsv1.DeadLetter) letter {
	out := letter{
		ID: l.GetId(), TenantID: l.GetTenantId(), AggregateID: l.GetAggregateId(), Kind: l.GetKind(), Error: l.GetError(),
		Attempts: l.GetAttempts(), CreatedAt: l.GetCreatedAt().AsTime(), Payload: l.GetPayload(),
	}
	if l.GetReplayedAt() != nil {
		at := l.GetReplayedAt().AsTime()
		out.ReplayedAt = &at
	}
	return out
}

func lettersOf(letters []*omsv1.DeadLetter) []letter {
	out := make([]letter, len(letters))
	for i := range letters {
		out[i] = letterOf(letters[i])
	}
	return out
}

func moment(at *timestamppb.Timestamp) string { return at.AsTime().Format(time.RFC3339) }

func stateOf(letter *omsv1.DeadLetter) string {
	if letter.GetReplayedAt() != nil {
		return "replayed " + moment(letter.GetReplayedAt())
	}
	return "open"
}

// errorWidth is how much of an error a table shows.
const errorWidth = 60

func shorten(text string) string {
	text = plain(text)
	if utf8.RuneCountInString(text) <= errorWidth {
		return text
	}
	return string([]rune(text)[:errorWidth-1]) + "…"
}

// plain keeps a text on one line and its control characters off the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, text)
}

// payloadText writes a payload for a person: as it is when it is text, else in hexadecimal.
func payloadText(payload []byte) string {
	if text := string(payload); utf8.ValidString(text) && plain(text) == text {
		return text
	}
	return hex.EncodeToString(payload)
}
