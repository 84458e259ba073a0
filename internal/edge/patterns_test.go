package edge

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/seed-255eabaa/oms/gen/oms/v1" // its messages
	_ "github.com/seed-255eabaa/oms/gen/provider/v1"
)

// Every pattern of the contract is told in words, never as a regular expression.
func TestPatternsAreToldInWords(t *testing.T) {
	seen := 0
	protoregistry.GlobalTypes.RangeMessages(func(message protoreflect.MessageType) bool {
		name := message.Descriptor().FullName()
		if name.Parent() != "oms.v1" && name.Parent() != "provider.v1" {
			return true
		}
		fields := message.Descriptor().Fields()
		for i := range fields.Len() {
			rules, _ := proto.GetExtension(fields.Get(i).Options(), validate.E_Field).(*validate.FieldRules)
			for _, asked := range []*validate.FieldRules{rules, rules.GetRepeated().GetItems(), rules.GetMap().GetKeys(), rules.GetMap().GetValues()} {
				pattern := asked.GetString().GetPattern()
				if pattern == "" {
					continue
				}
				seen++
				if patterns[pattern] == "" {
					t.Errorf("%s is told as %s", fields.Get(i).FullName(), pattern)
				}
			}
		}
		return true
	})
	if seen < 100 {
		t.Errorf("%d patterns were found", seen)
	}
}
