package lint

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
)

// clockReads lists what package time does beyond values: it reads the clock, or waits for it.
var clockReads = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// Pure checks that the code of pure rooms neither reads the clock nor starts or waits for a goroutine. What it must not import
// is checked by Imports.
func Pure(tree *Tree, rooms []Room) []Finding {
	var findings []Finding
	for _, file := range tree.Files {
		row, own, _ := rowOf(roomOf(path.Dir(file.Path)), rooms)
		if !row.Pure {
			continue
		}
		clock := importName(file.Syntax, "time")
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			if what := impurity(node, clock); what != "" {
				findings = append(findings, tree.at(node.Pos(), "room %s is pure, but here it %s", own, what))
			}
			return true
		})
	}
	return sorted(findings)
}

// impurity says what a node does that a function of values does not; empty when nothing. Clock is the file's name of package
// time.
func impurity(node ast.Node, clock string) string {
	switch n := node.(type) {
	case *ast.SelectorExpr:
		pkg, isName := n.X.(*ast.Ident)
		if isName && clock != "" && pkg.Name == clock && slices.Contains(clockReads, n.Sel.Name) {
			return "calls time." + n.Sel.Name + ": take the time as an argument"
		}
	case *ast.GoStmt:
		return "starts a goroutine"
	case *ast.SendStmt, *ast.SelectStmt, *ast.ChanType:
		return "uses a channel"
	}
	return ""
}

// importName is the name that a file knows a package by; empty when it does not import it.
func importName(file *ast.File, target string) string {
	for _, spec := range file.Imports {
		if spec.Path.Value != strconv.Quote(target) {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(target)
	}
	return ""
}

// Floats checks that rooms which reckon with money have no floating point.
func Floats(tree *Tree, rooms []string) []Finding {
	var findings []Finding
	for _, file := range tree.Files {
		room := roomOf(path.Dir(file.Path))
		if !slices.ContainsFunc(rooms, func(name string) bool { return within(room, name) }) {
			continue
		}
		ast.Inspect(file.Syntax, func(node ast.Node) bool {
			if text := floating(node); text != "" {
				findings = append(findings, tree.at(node.Pos(), "%s in room %s: money and quantities are integers", text, room))
			}
			return true
		})
	}
	return sorted(findings)
}

// floating answers the text of a node that is floating point by itself; empty when it is not.
func floating(node ast.Node) string {
	switch n := node.(type) {
	case *ast.Ident:
		if n.Name == "float32" || n.Name == "float64" || n.Name == "ParseFloat" {
			return n.Name
		}
	case *ast.BasicLit:
		if n.Kind == token.FLOAT || n.Kind == token.IMAG {
			return n.Value
		}
	}
	return ""
}
