package lint

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// named finds the packages and tests that a page names, and the bars between the cells of its tables.
var named = regexp.MustCompile("\\||`([a-z][a-z0-9_/]*)`|\\b((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)(…?)")

// tests lists the tests of each folder, by what is under the root.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	found, function := map[string][]string{}, regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile("../../" + name)
		for _, match := range function.FindAllSubmatch(text, -1) {
			found[path.Dir(name)] = append(found[path.Dir(name)], string(match[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// missing names what a line of a page names and is not there: a test is looked for in the package before it in the same cell, which is said by
// the end of its path, and anywhere where there is none. "TestCreate…" stands for all whose names begin so.
func missing(line string, tests map[string][]string) []string {
	var wrong []string
	said := ""
	for _, match := range named.FindAllStringSubmatch(line, -1) {
		if match[2] == "" {
			said = match[1]
			continue
		}
		there := false
		for folder, names := range tests {
			there = there || strings.HasSuffix("/"+folder, "/"+said) && slices.ContainsFunc(names, func(name string) bool {
				return name == match[2] || match[3] != "" && strings.HasPrefix(name, match[2])
			})
			there = there || said == "" && slices.Contains(names, match[2])
		}
		if !there {
			wrong = append(wrong, strings.TrimSpace(said+" "+match[2]))
		}
	}
	return wrong
}

// TestTestsOfTheDocuments holds the pages to the tests that they name.
func TestTestsOfTheDocuments(t *testing.T) {
	known := tests(t)
	pages, err := fs.Glob(os.DirFS("../.."), "docs/*.md")
	if err != nil || !slices.Contains(pages, "docs/requirements.md") {
		t.Fatal("no pages found", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(text), "\n") {
			for _, wrong := range missing(line, known) {
				t.Errorf("%s:%d names %s, and there is no such test", page, number+1, wrong)
			}
		}
	}
}

func TestMissingTestsAreFound(t *testing.T) {
	known := map[string][]string{"internal/a/b": {"TestOne", "TestOther"}, "internal/c": {"TestTwo", "FuzzTwo"}}
	line := "| `c` things | TestOne; `a/b` TestOne, TestO…, TestTwo | `b` words, TestOther; `c` FuzzTwo, TestTwo…, TestThree | `d` TestOne | TestNone |"
	got, want := missing(line, known), []string{"a/b TestTwo", "c TestThree", "d TestOne", "TestNone"}
	if !slices.Equal(got, want) {
		t.Errorf("finds %q, want %q", got, want)
	}
}
