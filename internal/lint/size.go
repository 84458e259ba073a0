package lint

import (
	"fmt"
	"go/ast"
	"strings"
)

// Sizes checks the caps on files and functions, in lines from the first to the last.
func Sizes(tree *Tree) []Finding {
	var findings []Finding
	for _, file := range tree.Files {
		limit := fileCap
		if file.Path == mainFile {
			limit = mainCap
		}
		if file.Lines > limit {
			message := fmt.Sprintf("%d lines, the cap of a file is %d", file.Lines, limit)
			findings = append(findings, Finding{Path: file.Path, Message: message})
		}
		for _, declaration := range file.Syntax.Decls {
			function, isFunction := declaration.(*ast.FuncDecl)
			if !isFunction {
				continue
			}
			first, last := tree.fset.Position(function.Pos()).Line, tree.fset.Position(function.End()).Line
			if lines := last - first + 1; lines > functionCap {
				findings = append(findings, tree.at(function.Pos(), "%s has %d lines, the cap of a function is %d",
					function.Name.Name, lines, functionCap))
			}
		}
	}
	return sorted(findings)
}

// Comments checks that every package says what it is for.
func Comments(tree *Tree) []Finding {
	var findings []Finding
	for folder, files := range tree.folders() {
		if !explained(files) {
			findings = append(findings, Finding{Path: folder, Message: "package " + files[0].Syntax.Name.Name + " has no package comment"})
		}
	}
	return sorted(findings)
}

// explained tells whether one of a package's files has a package comment of the usual form.
func explained(files []File) bool {
	for _, file := range files {
		name := file.Syntax.Name.Name
		start := "Package " + name + " "
		if name == "main" {
			start = "Command "
		}
		if strings.HasPrefix(file.Syntax.Doc.Text(), start) {
			return true
		}
	}
	return false
}
