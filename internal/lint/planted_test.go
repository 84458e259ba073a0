package lint

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Only programs that are built with the tag "drillbug" know how to break a rule on purpose: nothing else reads OMS_BREAK, and in other
// programs each of the places hands on what it got.
func TestPlantedBugsAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"../../cmd", "../../internal"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), `"OMS_BREAK"`) && !tagged(string(text)) {
				t.Errorf("%s reads OMS_BREAK without the tag", path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../app/planted.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, declared := range file.Decls {
		function, is := declared.(*ast.FuncDecl)
		if !is {
			continue
		}
		found++
		if !handsOn(function) {
			t.Errorf("%s does not hand on what it got", function.Name)
		}
	}
	if found == 0 {
		t.Error("no function was looked at")
	}
}

// tagged tells whether a file is left out of builds without the tag.
func tagged(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	expression, err := constraint.Parse(line)
	return err == nil && !expression.Eval(func(tag string) bool { return tag != "drillbug" })
}

// handsOn tells whether a function returns its argument and does nothing else.
func handsOn(function *ast.FuncDecl) bool {
	if len(function.Body.List) != 1 || function.Type.Params.NumFields() != 1 {
		return false
	}
	answer, is := function.Body.List[0].(*ast.ReturnStmt)
	if !is || len(answer.Results) != 1 {
		return false
	}
	name, is := answer.Results[0].(*ast.Ident)
	return is && name.Name == function.Type.Params.List[0].Names[0].Name
}
