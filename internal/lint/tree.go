package lint

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is the hand-written Go source of a module, parsed, without tests and generated files.
type Tree struct {
	Module string // its path, as in go.mod
	Files  []File // by path
	fset   *token.FileSet
}

// File is one source file.
type File struct {
	Path   string // from the root, with slashes
	Lines  int
	Syntax *ast.File
}

// Finding is one broken rule.
type Finding struct {
	Path    string
	Line    int // 0 for the whole file or folder
	Message string
}

// String writes the finding as compilers do.
func (f Finding) String() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Message)
}

// Load parses the module at the root of a file system.
func Load(root fs.FS) (*Tree, error) {
	tree := &Tree{fset: token.NewFileSet()}
	var err error
	if tree.Module, err = modulePath(root); err != nil {
		return nil, err
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return tree.add(root, name)
	})
	return tree, err
}

// skipped tells folders apart that hold no source of ours.
func skipped(folder string) bool {
	base := path.Base(folder)
	hidden := folder != "." && (base[0] == '.' || base[0] == '_')
	return hidden || folder == "gen" || folder == "bin" || base == "testdata" || base == "node_modules"
}

func (t *Tree) add(root fs.FS, name string) error {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return fmt.Errorf("read source: %w", err)
	}
	syntax, err := parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse source: %w", err)
	}
	if !ast.IsGenerated(syntax) {
		t.Files = append(t.Files, File{Path: name, Lines: strings.Count(string(text), "\n"), Syntax: syntax})
	}
	return nil
}

// at makes a finding of a place in a file.
func (t *Tree) at(pos token.Pos, format string, arguments ...any) Finding {
	place := t.fset.Position(pos)
	return Finding{Path: place.Filename, Line: place.Line, Message: fmt.Sprintf(format, arguments...)}
}

// folders lists the folders that hold source.
func (t *Tree) folders() map[string][]File {
	folders := map[string][]File{}
	for _, file := range t.Files {
		folder := path.Dir(file.Path)
		folders[folder] = append(folders[folder], file)
	}
	return folders
}

func modulePath(root fs.FS) (string, error) {
	text, err := fs.ReadFile(root, "go.mod")
	if err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if module, found := strings.CutPrefix(line, "module "); found {
			return strings.TrimSpace(module), nil
		}
	}
	return "", fmt.Errorf("go.mod names no module")
}

// sorted puts findings in the order of their places.
func sorted(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return findings
}
