package lint

import (
	"strings"
	"testing"
	"testing/fstest"
)

// given makes a module of files, by path. A file without a package clause is a body of "package p".
func given(t *testing.T, files map[string]string) *Tree {
	t.Helper()
	root := fstest.MapFS{"go.mod": {Data: []byte("module example.org/m\n\ngo 1.26\n")}}
	for name, text := range files {
		if !strings.Contains(text, "package ") {
			text = "package p\n" + text
		}
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// then compares findings with the start of what each should be, in order.
func then(t *testing.T, findings []Finding, want ...string) {
	t.Helper()
	for i := range max(len(findings), len(want)) {
		switch {
		case i >= len(findings):
			t.Errorf("not found: %s", want[i])
		case i >= len(want):
			t.Errorf("found, and should not be: %s", findings[i])
		case !strings.Contains(findings[i].String(), want[i]):
			t.Errorf("found %q, want %q", findings[i], want[i])
		}
	}
}

func TestImports(t *testing.T) {
	const in = "example.org/m/internal/"
	for _, test := range []struct {
		name, file, imports string
		want                string // empty when allowed
	}{
		{"a domain may use a leaf", "internal/domain/order/a.go", in + "money", ""},
		{"a domain may use the contract of domains", "internal/domain/order/a.go", in + "domain", ""},
		{"a domain may use its own folders", "internal/domain/order/a.go", in + "domain/order/line", ""},
		{"a domain may not use its sibling", "internal/domain/order/a.go", in + "domain/payment", "room domain/order may not import"},
		{"nor a folder of its sibling", "internal/domain/order/line/a.go", in + "domain/payment/card", "room domain/order may not import"},
		{"nor the clock", "internal/domain/order/a.go", in + "clock", "not among its rooms"},
		{"nor the pipeline", "internal/domain/order/a.go", in + "pipeline", "not among its rooms"},
		{"nor generated code", "internal/domain/order/a.go", "example.org/m/gen/oms/v1", "not among its rooms"},
		{"nor context", "internal/domain/order/a.go", "context", "it is a pure room"},
		{"nor a database", "internal/domain/order/a.go", "database/sql", "among its libraries"},
		{"nor HTTP", "internal/domain/order/a.go", "net/http", "it is a pure room"},
		{"nor chance", "internal/domain/order/a.go", "math/rand/v2", "it is a pure room"},
		{"nor a library", "internal/domain/order/a.go", "github.com/google/uuid", "not among its libraries"},
		{"the contract of domains knows none", "internal/domain/a.go", in + "domain/order", "room domain may not import"},
		{"a flow may use domains and commands", "internal/flow/a.go", in + "domain/payment", ""},
		{"a flow does no I/O", "internal/flow/a.go", "os", "it is a pure room"},
		{"a leaf may use the standard library", "internal/clock/a.go", "time", ""},
		{"a leaf may not use a library", "internal/money/a.go", "github.com/google/uuid", "not among its libraries"},
		{"but id may use uuid", "internal/id/a.go", "github.com/google/uuid", ""},
		{"the pipeline may use context", "internal/pipeline/a.go", "context", ""},
		{"the pipeline may not use SQL", "internal/pipeline/a.go", "database/sql", "among its libraries"},
		{"nor a store", "internal/pipeline/a.go", in + "store/sqlite", "not among its rooms"},
		{"nor a particular domain", "internal/pipeline/a.go", in + "domain/order", "not among its rooms"},
		{"a store may use its driver", "internal/store/postgres/a.go", "github.com/jackc/pgx/v5/pgxpool", ""},
		{"a store may not use the other's", "internal/store/sqlite/a.go", "github.com/jackc/pgx/v5", "not among its libraries"},
		{"a library is more than the start of a name", "internal/store/postgres/a.go", "github.com/jackc/pgx/v55", "not among its libraries"},
		{"a store may not use the pipeline", "internal/store/sqlite/a.go", in + "pipeline", "not among its rooms"},
		{"a store may not use a domain", "internal/store/postgres/a.go", in + "domain/order", "not among its rooms"},
		{"an edge may use generated code", "internal/edge/restapi/a.go", "example.org/m/gen/oms/v1", ""},
		{"an edge may use a neighbour", "internal/edge/restapi/a.go", in + "edge/auth", ""},
		{"an edge may not use a store", "internal/edge/restapi/a.go", in + "store/sqlite", "not among its rooms"},
		{"an edge may not use the bus", "internal/edge/grpcapi/a.go", in + "bus", "not among its rooms"},
		{"a reactor may not use a domain", "internal/reactor/a.go", in + "domain/order", "not among its rooms"},
		{"an effect may not use a domain", "internal/effect/gateway/a.go", in + "domain/payment", "not among its rooms"},
		{"the wiring may use anything", "internal/app/a.go", in + "store/sqlite", ""},
		{"main may use the wiring only", "cmd/oms/main.go", in + "pipeline", "not among its rooms"},
		{"a room must have a row", "internal/utils/a.go", "fmt", "room utils has no row"},
		{"a command must have a row", "cmd/other/a.go", "fmt", "room cmd/other has no row"},
		{"tests are not looked at", "internal/domain/order/a_test.go", "os", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := given(t, map[string]string{test.file: "import _ \"" + test.imports + "\"\n"})
			if test.want == "" {
				then(t, Imports(tree, Rooms))
			} else {
				then(t, Imports(tree, Rooms), test.want)
			}
		})
	}
}

func TestLongestPatternWins(t *testing.T) {
	rooms := []Room{{Name: "a/*", Why: "star"}, {Name: "a", Why: "short"}, {Name: "a/b", Why: "name"}}
	for room, want := range map[string]string{"a": "short", "a/b": "name", "a/b/c": "name", "a/x/y": "star"} {
		if row, _, _ := rowOf(room, rooms); row.Why != want {
			t.Errorf("room %s has the row %q, want %q", room, row.Why, want)
		}
	}
}

func TestPure(t *testing.T) {
	const order = "internal/domain/order/a.go"
	for _, test := range []struct{ name, file, text, want string }{
		{"the clock", order, "import \"time\"\nvar at = time.Now()", order + ":3: room domain/order is pure, but here it calls time.Now"},
		{"the clock by another name", order, "import t \"time\"\nvar at = t.Since", "calls time.Since"},
		{"a goroutine", "internal/flow/a.go", "func f() { go f() }", "starts a goroutine"},
		{"a channel", "internal/ledger/a.go", "var c chan int", "uses a channel"},
		{"a value of time", order, "import \"time\"\nvar day = 24 * time.Hour", ""},
		{"something else named Now", order, "var now = clock.Now", ""},
		{"elsewhere", "internal/pipeline/a.go", "import \"time\"\nvar at = time.Now()", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings := Pure(given(t, map[string]string{test.file: test.text}), Rooms)
			if test.want == "" {
				then(t, findings)
			} else {
				then(t, findings, test.want)
			}
		})
	}
}

func TestFloats(t *testing.T) {
	tree := given(t, map[string]string{
		"internal/domain/order/a.go": "var a float64",
		"internal/ledger/a.go":       "var b = 1.5",
		"internal/money/a.go":        "func f(x []float32) {}",
		"internal/pipeline/a.go":     "var c float64 = 0.5",
		"internal/state/a.go":        "import \"strconv\"\nvar d = strconv.ParseFloat\nvar e = 15 / 10",
	})
	then(t, Floats(tree, moneyRooms),
		"internal/domain/order/a.go:2: float64", "internal/ledger/a.go:2: 1.5", "internal/money/a.go:2: float32",
		"internal/state/a.go:3: ParseFloat")
}

func TestSizes(t *testing.T) {
	function := func(lines int) string { return "package p\nfunc f() {" + strings.Repeat("\n", lines-1) + "}\n" }
	file := func(lines int) string { return "package p\n" + strings.Repeat("\n", lines-1) }
	tree := given(t, map[string]string{
		"internal/a/a.go":      function(functionCap),
		"internal/b/b.go":      function(functionCap + 1),
		"internal/c/c.go":      file(fileCap),
		"internal/d/d.go":      file(fileCap + 1),
		"internal/d/d_test.go": file(fileCap + 1),
		"internal/e/e.go":      "// Code generated by hand. DO NOT EDIT.\n" + file(fileCap+1),
		"gen/f.go":             file(fileCap + 1),
		"bench/g.go":           file(fileCap + 1),
		mainFile:               file(mainCap + 1),
	})
	then(t, Sizes(tree),
		"bench/g.go: 601 lines", "cmd/oms/main.go: 61 lines, the cap of a file is 60", "internal/b/b.go:2: f has 71 lines",
		"internal/d/d.go: 601 lines")
}

func TestComments(t *testing.T) {
	tree := given(t, map[string]string{
		"cmd/x/main.go":   "// Command x does this.\npackage main\n",
		"cmd/y/main.go":   "// This does that.\npackage main\n",
		"internal/a/a.go": "package a\n",
		"internal/a/b.go": "// Package a is for this.\npackage a\n",
		"internal/c/c.go": "// Copyright.\n\npackage c\n",
		"internal/d/d.go": "// Package other is for that.\npackage d\n",
	})
	then(t, Comments(tree), "cmd/y: package main has no package comment", "internal/c: package c", "internal/d: package d")
}

func TestLoadRefusesWhatItCannotRead(t *testing.T) {
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("a tree without go.mod was read")
	}
	broken := fstest.MapFS{"go.mod": {Data: []byte("module m\n")}, "a.go": {Data: []byte("package")}}
	if _, err := Load(broken); err == nil {
		t.Error("a broken file was read")
	}
}
