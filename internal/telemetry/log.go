package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/internal/trace"
)

// NewLogger writes log lines of a level ("debug", "info", "warn", "error") and above, as "json" or "text". Lines that are
// written with a context carry the trace in it: its id, and beside it what the caller calls the trace. Values that look like
// secrets are masked; that is a net, not a licence to log them. Durations are written as Go writes them, "32.1ms" or "1h0m0s", in both
// formats.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{ReplaceAttr: rewrite}
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options.Level = least
	switch format {
	case "json":
		return slog.New(traced{slog.NewJSONHandler(w, options)}), nil
	case "text":
		return slog.New(traced{slog.NewTextHandler(w, options)}), nil
	default:
		return nil, fmt.Errorf("log format %q is neither json nor text", format)
	}
}

// traced adds the context's trace to every line.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traced) Handle(ctx context.Context, record slog.Record) error {
	if t, found := trace.From(ctx); found {
		record.AddAttrs(slog.String("trace_id", t.ID))
		if t.TraceText != "" {
			record.AddAttrs(slog.String("partner_trace_id", t.TraceText))
		}
		if t.CorrelationText != "" {
			record.AddAttrs(slog.String("correlation_id", t.CorrelationText))
		}
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }

const masked = "***"

// secretNames are the names of attributes that are never written, in lower case and without separators.
var secretNames = map[string]bool{
	"authorization": true, "password": true, "passwd": true, "secret": true, "clientsecret": true, "apikey": true,
	"token": true, "accesstoken": true, "refreshtoken": true, "paymenttoken": true, "pagetokenkey": true, "privatekey": true,
	"signature": true, "cookie": true, "setcookie": true,
	"pan": true, "card": true, "cardnumber": true, "cvv": true, "cvc": true, "cvv2": true,
}

var (
	separators = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")
	userinfo   = regexp.MustCompile(`://[^/\s"]*@`)
)

// rewrite masks secrets and writes durations as texts. A secret that is empty is none, and stays: whoever reads settings sees that it is
// not set.
func rewrite(groups []string, attr slog.Attr) slog.Attr {
	if (isSecret(attr.Key) || slices.ContainsFunc(groups, isSecret)) && attr.Value.String() != "" {
		return slog.String(attr.Key, masked)
	}
	switch attr.Value.Kind() { //nolint:exhaustive // the others are written as they are
	case slog.KindDuration:
		return slog.String(attr.Key, attr.Value.Duration().String())
	case slog.KindString:
		if text := attr.Value.String(); strings.Contains(text, "://") {
			return slog.String(attr.Key, maskURLs(text))
		}
	case slog.KindAny:
		if err, isError := attr.Value.Any().(error); isError {
			return slog.String(attr.Key, maskURLs(err.Error()))
		}
	}
	return attr
}

func isSecret(name string) bool { return secretNames[separators.Replace(strings.ToLower(name))] }

// maskURLs hides users and passwords of the URLs in a text.
func maskURLs(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return userinfo.ReplaceAllString(text, "://"+masked+"@")
}
