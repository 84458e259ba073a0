package codec

import (
	"strconv"

	"github.com/go-faster/jx"
)

// Object is the state of reading one JSON object.
type Object struct {
	fields jx.ObjIter
	open   bool
	begun  bool
}

// Object begins the object that comes next; anything else is refused and reads as an object without fields.
func (r *Reader) Object() Object {
	if r.failed {
		return Object{}
	}
	if r.d.Next() != jx.Object {
		r.refuse(WrongType, "must be an object")
		return Object{}
	}
	if r.depth == DepthLimit {
		r.refuse(TooDeep, "is nested too deeply; "+strconv.Itoa(DepthLimit)+" levels are read")
		return Object{}
	}
	fields, err := r.d.ObjIter()
	if !r.check(err) {
		return Object{}
	}
	r.depth++
	r.push(step{})
	return Object{fields: fields, open: true, begun: true}
}

// Next goes to the next field of the object, whose value must then be read, refused or skipped.
func (r *Reader) Next(o *Object) bool {
	if !o.open || r.failed {
		return false
	}
	if o.fields.Next() {
		r.key = o.fields.Key()
		return true
	}
	o.open = false
	r.pop()
	r.depth--
	r.check(o.fields.Err())
	return false
}

// Key is the name of the present field; it is valid until its value is read.
func (r *Reader) Key() []byte { return r.key }

// Enter begins the value of a known field, the bit-th of its message. It is false when there is nothing to read: the field has
// been met before, or its value is null, which stands for absent.
func (r *Reader) Enter(name string, seen *Seen, bit uint) bool {
	r.path[len(r.path)-1] = step{name: name}
	if *seen&(1<<bit) != 0 {
		r.refuse(DuplicateField, GivenTwice)
		return false
	}
	*seen |= 1 << bit
	if r.d.Next() == jx.Null {
		r.check(r.d.Null())
		return false
	}
	return true
}

// Need refuses an object that has ended without a field which it must have; null stands for absent here too.
func (r *Reader) Need(o *Object, name string, found bool) {
	if found || !o.begun {
		return // what is no object has been refused as such
	}
	r.push(step{name: name})
	r.violate(Required, RequiredEvenZero)
	r.pop()
}

// Choose tells whether a field of a oneof may be read: only one of its fields may be given.
func (r *Reader) Choose(free bool) bool {
	if !free {
		r.refuse(DuplicateField, "excludes another field that is given too")
	}
	return free
}

// Unknown refuses the present field by its name.
func (r *Reader) Unknown() {
	r.path[len(r.path)-1] = step{name: Excerpt(string(r.key))}
	r.refuse(UnknownField, "is not a field of this object; leave it out, or see "+Document+" for the right name")
}

// List is the state of reading one JSON array.
type List struct {
	elements jx.ArrIter
	open     bool
}

// List begins the array that comes next; anything else is refused and reads as an empty array.
func (r *Reader) List() List {
	if r.failed {
		return List{}
	}
	if r.d.Next() != jx.Array {
		r.refuse(WrongType, "must be a list")
		return List{}
	}
	elements, err := r.d.ArrIter()
	if !r.check(err) {
		return List{}
	}
	r.push(step{kind: indexStep, index: -1})
	return List{elements: elements, open: true}
}

// NextElement goes to the next element of the array, which must then be read.
func (r *Reader) NextElement(l *List) bool {
	if !l.open {
		return false
	}
	for !r.failed && l.elements.Next() {
		r.path[len(r.path)-1].index++
		if r.d.Next() != jx.Null {
			return true
		}
		r.refuse(WrongType, "must not be null")
	}
	if !r.failed {
		l.open = false
		r.pop()
		r.check(l.elements.Err())
	}
	return false
}

// NextEntry goes to the next entry of an object that is a map, whose value must then be read. has tells whether the map has a
// key already.
func (r *Reader) NextEntry(o *Object, has func(key string) bool) (key string, ok bool) {
	for r.Next(o) {
		top := &r.path[len(r.path)-1]
		*top = step{kind: keyStep, name: Excerpt(string(r.key))}
		switch {
		case !r.text(r.key):
			r.skip()
			continue
		case r.d.Next() == jx.Null:
			r.refuse(WrongType, "must not be null")
			continue
		}
		key = string(r.key)
		if has(key) {
			r.refuse(DuplicateField, GivenTwice)
			continue
		}
		return key, true
	}
	return "", false
}
