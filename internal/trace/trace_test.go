package trace

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const (
	someID     = "0af7651916cd43dd8448eb211c80319c"
	someSpan   = "b7ad6b7169203331"
	someParent = "00-" + someID + "-" + someSpan + "-01"
)

func TestParse(t *testing.T) {
	t.Parallel()
	valid := map[string]T{
		someParent:                                    {ID: someID, Parent: someSpan, Sampled: true},
		"00-" + someID + "-" + someSpan + "-00":       {ID: someID, Parent: someSpan},
		"00-" + someID + "-" + someSpan + "-fe":       {ID: someID, Parent: someSpan},
		"00-" + someID + "-" + someSpan + "-0b":       {ID: someID, Parent: someSpan, Sampled: true},
		"cc-" + someID + "-" + someSpan + "-01":       {ID: someID, Parent: someSpan, Sampled: true},
		"01-" + someID + "-" + someSpan + "-01-more-": {ID: someID, Parent: someSpan, Sampled: true},
	}
	for header, want := range valid {
		if got, ok := Parse(header); !ok || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", header, got, ok, want)
		}
	}
	zeroID, zeroSpan := strings.Repeat("0", 32), strings.Repeat("0", 16)
	for _, header := range []string{
		"", "00", someParent + "-", someParent + "0", "cc-" + someID + "-" + someSpan + "-01x",
		"ff-" + someID + "-" + someSpan + "-01",
		"0x-" + someID + "-" + someSpan + "-01",
		"00-" + zeroID + "-" + someSpan + "-01",
		"00-" + someID + "-" + zeroSpan + "-01",
		"00-" + strings.ToUpper(someID) + "-" + someSpan + "-01",
		"00-" + someID + "-" + someSpan + "-0G",
		"00_" + someID + "-" + someSpan + "-01",
		" " + someParent[1:],
	} {
		if got, ok := Parse(header); ok {
			t.Errorf("Parse(%q) = %+v, want it refused", header, got)
		}
	}
}

func TestFromHeaders(t *testing.T) {
	t.Parallel()
	const other = "1af7651916cd43dd8448eb211c80319c"
	uuid := "0AF76519-16cd-43dd-8448-eb211c80319c"
	long := strings.Repeat("x", 129)
	for name, test := range map[string]struct {
		header http.Header
		want   T // an empty ID stands for a new one
	}{
		"nothing":                     {http.Header{}, T{}},
		"traceparent":                 {http.Header{HeaderParent: {someParent}}, T{ID: someID, Parent: someSpan, Sampled: true}},
		"invalid traceparent":         {http.Header{HeaderParent: {"00-nonsense"}}, T{}},
		"two traceparents":            {http.Header{HeaderParent: {someParent, someParent}}, T{}},
		"id as X-Trace-Id":            {http.Header{HeaderTrace: {someID}}, T{ID: someID}},
		"id as X-Correlation-Id":      {http.Header{HeaderCorrelation: {someID}}, T{ID: someID}},
		"uuid":                        {http.Header{HeaderTrace: {uuid}}, T{ID: someID, TraceText: uuid}},
		"partner's own":               {http.Header{HeaderTrace: {"order 77/b"}}, T{TraceText: "order 77/b"}},
		"partner's own and id":        {http.Header{HeaderTrace: {"abc"}, HeaderCorrelation: {someID}}, T{ID: someID, TraceText: "abc"}},
		"two ids: X-Trace-Id decides": {http.Header{HeaderTrace: {someID}, HeaderCorrelation: {other}}, T{ID: someID, CorrelationText: other}},
		"traceparent decides": {
			http.Header{HeaderParent: {someParent}, HeaderTrace: {other}, HeaderCorrelation: {"c"}},
			T{ID: someID, Parent: someSpan, Sampled: true, TraceText: other, CorrelationText: "c"},
		},
		"the same thrice": {
			http.Header{HeaderParent: {someParent}, HeaderTrace: {someID}, HeaderCorrelation: {someID}},
			T{ID: someID, Parent: someSpan, Sampled: true},
		},
		"invalid traceparent, valid X-Trace-Id": {http.Header{HeaderParent: {"x"}, HeaderTrace: {someID}}, T{ID: someID}},
		"zero id":                               {http.Header{HeaderTrace: {strings.Repeat("0", 32)}}, T{TraceText: strings.Repeat("0", 32)}},
		"unprintable":                           {http.Header{HeaderTrace: {"a\r\nSet-Cookie: x"}, HeaderCorrelation: {"é"}}, T{}},
		"too long":                              {http.Header{HeaderTrace: {long}}, T{}},
	} {
		got := FromHeaders(func(header string) []string { return test.header[header] })
		if !Valid(got.ID) {
			t.Errorf("%s: ID %q is not valid", name, got.ID)
		}
		if test.want.ID == "" {
			test.want.ID = got.ID
		}
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	T{ID: someID, Sampled: true, TraceText: "mine"}.Echo(someSpan, header.Set)
	if header.Get("traceparent") != someParent || header.Get("x-trace-id") != "mine" || header.Get("x-correlation-id") != someID {
		t.Errorf("echoed %v", header)
	}
	header = http.Header{}
	T{ID: someID}.Echo("", header.Set)
	if again, ok := Parse(header.Get("traceparent")); !ok || again.ID != someID || again.Sampled {
		t.Errorf("without a span: %v", header)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	if got, found := From(context.Background()); found || got != (T{}) {
		t.Errorf("an empty context carries %+v", got)
	}
	want := T{ID: someID, CorrelationText: "c"}
	if got, found := From(With(context.Background(), want)); !found || got != want {
		t.Errorf("carried %+v, want %+v", got, want)
	}
}

func TestNewIDsDiffer(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	seen := map[string]bool{}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 5_000 {
				traceID, span := New().ID, NewSpan()
				if !Valid(traceID) || len(span) != 16 {
					t.Errorf("made %q and %q", traceID, span)
				}
				mutex.Lock()
				if seen[traceID] || seen[span] {
					t.Errorf("made %q or %q twice", traceID, span)
				}
				seen[traceID], seen[span] = true, true
				mutex.Unlock()
			}
		})
	}
	group.Wait()
}

func TestAllocations(t *testing.T) {
	header := http.Header{HeaderParent: {someParent}, HeaderTrace: {someID}}
	get := func(name string) []string { return header[name] }
	if n := testing.AllocsPerRun(100, func() { FromHeaders(get) }); n > 0 {
		t.Errorf("reading the headers allocates %v times", n)
	}
	empty := func(string) []string { return nil }
	if n := testing.AllocsPerRun(100, func() { FromHeaders(empty) }); n > 1 {
		t.Errorf("beginning a trace allocates %v times", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(someParent)
	f.Add("01-" + someID + "-" + someSpan + "-01-more")
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := Parse(header)
		if !ok {
			return
		}
		if !Valid(got.ID) {
			t.Fatalf("Parse(%q) answers the id %q", header, got.ID)
		}
		again, ok := Parse(got.Traceparent(got.Parent))
		if !ok || again != got {
			t.Fatalf("Parse(%q) = %+v, written and read again %+v", header, got, again)
		}
	})
}

func FuzzFromHeaders(f *testing.F) {
	f.Add(someParent, someID, "c")
	f.Fuzz(func(t *testing.T, parent, traceID, correlation string) {
		header := http.Header{HeaderParent: {parent}, HeaderTrace: {traceID}, HeaderCorrelation: {correlation}}
		got := FromHeaders(func(name string) []string { return header[name] })
		if !Valid(got.ID) {
			t.Fatalf("id %q", got.ID)
		}
		got.Echo("", func(name, value string) {
			if value == "" || len(value) > textLimit || strings.ContainsAny(value, "\r\n\x00") {
				t.Fatalf("echoes %s: %q", name, value)
			}
		})
	})
}

func BenchmarkFromHeaders(b *testing.B) {
	empty := func(string) []string { return nil }
	b.ReportAllocs()
	for b.Loop() {
		FromHeaders(empty)
	}
}
