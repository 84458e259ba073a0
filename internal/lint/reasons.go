package lint

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// Use is one place that names the reason of a refusal.
type Use struct {
	Finding
	Reason string
	Code   string // the Go name of its code where the place names one too
	Field  bool   // the reason of a field's violation, not of a whole refusal
}

// Reasons lists the reasons that the code refuses with. A reason is followed from where it is written to fault.New through
// constants, variables and functions that take it as a parameter; one that cannot be followed is a finding, since nothing could
// hold it to the catalogue.
func Reasons(tree *Tree) ([]Use, []Finding) {
	r := reasons{tree: tree, constants: map[string]map[string]string{}, takers: map[taker]taking{
		{"internal/fault", "New"}: {1, false}, {"internal/fault", "Invalid"}: {1, false}, {"internal/fault", "Violating"}: {1, true},
	}}
	for _, file := range tree.Files {
		r.readConstants(file)
	}
	for known := 0; known != len(r.takers); {
		known = len(r.takers)
		r.uses, r.findings = nil, nil
		for _, file := range tree.Files {
			r.readFile(file)
		}
	}
	return r.uses, sorted(r.findings)
}

// taker is a function that takes a reason.
type taker struct{ folder, name string }

// taking says how it takes it.
type taking struct {
	at    int  // its place among the arguments
	field bool // it is a field's reason only
}

type reasons struct {
	tree      *Tree
	constants map[string]map[string]string // by folder and name
	takers    map[taker]taking
	uses      []Use
	findings  []Finding
}

// scope is a function whose body is read.
type scope struct {
	folder     string
	function   string
	file       File
	parameters map[string]int
	values     map[string][]ast.Expr // what local names are set to
}

func (r *reasons) readConstants(file File) {
	folder := path.Dir(file.Path)
	if r.constants[folder] == nil {
		r.constants[folder] = map[string]string{}
	}
	for _, declaration := range file.Syntax.Decls {
		if general, is := declaration.(*ast.GenDecl); is && general.Tok == token.CONST {
			eachValue(general, func(name string, value ast.Expr) {
				if text, is := literal(value); is {
					r.constants[folder][name] = text
				}
			})
		}
	}
}

func eachValue(declaration *ast.GenDecl, each func(name string, value ast.Expr)) {
	for _, spec := range declaration.Specs {
		values, is := spec.(*ast.ValueSpec)
		for i := 0; is && i < len(values.Names) && i < len(values.Values); i++ {
			each(values.Names[i].Name, values.Values[i])
		}
	}
}

func literal(value ast.Expr) (string, bool) {
	basic, is := value.(*ast.BasicLit)
	if !is || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

func (r *reasons) readFile(file File) {
	for _, declaration := range file.Syntax.Decls {
		function, is := declaration.(*ast.FuncDecl)
		if !is || function.Body == nil {
			continue
		}
		s := newScope(file, function)
		ast.Inspect(function.Body, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.CallExpr:
				r.readCall(s, n)
			case *ast.CompositeLit:
				r.readViolation(s, n)
			}
			return true
		})
	}
}

func newScope(file File, function *ast.FuncDecl) *scope {
	s := &scope{
		folder: path.Dir(file.Path), function: function.Name.Name, file: file, parameters: map[string]int{}, values: map[string][]ast.Expr{},
	}
	for _, field := range function.Type.Params.List {
		for _, name := range field.Names {
			s.parameters[name.Name] = len(s.parameters)
		}
	}
	ast.Inspect(function.Body, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.AssignStmt:
			for i := 0; i < len(n.Lhs) && len(n.Lhs) == len(n.Rhs); i++ {
				if name, is := n.Lhs[i].(*ast.Ident); is {
					s.values[name.Name] = append(s.values[name.Name], n.Rhs[i])
				}
			}
		case *ast.GenDecl:
			eachValue(n, func(name string, value ast.Expr) { s.values[name] = append(s.values[name], value) })
		}
		return true
	})
	return s
}

// readCall takes note of a call that hands a reason over.
func (r *reasons) readCall(s *scope, call *ast.CallExpr) {
	folder, name := s.folder, ""
	switch callee := call.Fun.(type) {
	case *ast.Ident:
		name = callee.Name
	case *ast.SelectorExpr:
		name = callee.Sel.Name
		if from := r.imported(s, callee.X); from != "" {
			folder = from
		} else if name == "Violating" {
			folder = "internal/fault"
		}
	}
	takes, found := r.takers[taker{folder, name}]
	if !found || takes.at >= len(call.Args) {
		return
	}
	code := ""
	if selector, is := call.Args[0].(*ast.SelectorExpr); is && name == "New" {
		code = selector.Sel.Name
	}
	r.follow(s, call.Args[takes.at], Use{Code: code, Field: takes.field})
}

// readViolation takes note of a fault.Violation that is written out. What a function makes of the name of a rule of the contract is
// such a rule's name, of which there is no list.
func (r *reasons) readViolation(s *scope, value *ast.CompositeLit) {
	selector, is := value.Type.(*ast.SelectorExpr)
	if !is || selector.Sel.Name != "Violation" || r.imported(s, selector.X) != "internal/fault" {
		return
	}
	for _, element := range value.Elts {
		pair, is := element.(*ast.KeyValueExpr)
		if !is {
			continue
		}
		key, _ := pair.Key.(*ast.Ident)
		if _, made := pair.Value.(*ast.CallExpr); key != nil && key.Name == "Reason" && !made {
			r.follow(s, pair.Value, Use{Field: true})
		}
	}
}

// follow finds the text of a reason.
func (r *reasons) follow(s *scope, value ast.Expr, use Use) {
	use.Finding = r.tree.at(value.Pos(), "")
	if text, is := literal(value); is {
		r.add(use, text)
		return
	}
	switch v := value.(type) {
	case *ast.Ident:
		if values := s.values[v.Name]; len(values) > 0 {
			for _, set := range values {
				r.follow(s, set, use)
			}
			return
		}
		if at, is := s.parameters[v.Name]; is {
			if key := (taker{s.folder, s.function}); s.folder != "internal/fault" {
				known, found := r.takers[key]
				r.takers[key] = taking{at, use.Field && (!found || known.field)}
			}
			return
		}
		if text, is := r.constants[s.folder][v.Name]; is {
			r.add(use, text)
			return
		}
	case *ast.SelectorExpr:
		if text, is := r.constants[r.imported(s, v.X)][v.Sel.Name]; is {
			r.add(use, text)
			return
		}
	}
	r.findings = append(r.findings, r.tree.at(value.Pos(), "this reason cannot be followed to a literal: name it as a constant"))
}

func (r *reasons) add(use Use, text string) {
	use.Reason = text
	r.uses = append(r.uses, use)
}

// imported answers the folder of the package of ours that an expression names; empty when it names none.
func (r *reasons) imported(s *scope, value ast.Expr) string {
	name, is := value.(*ast.Ident)
	if !is {
		return ""
	}
	for _, spec := range s.file.Syntax.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		folder, ours := strings.CutPrefix(target, r.tree.Module+"/")
		if err == nil && ours && importName(s.file.Syntax, target) == name.Name {
			return folder
		}
	}
	return ""
}
