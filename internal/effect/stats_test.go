package effect
import "sync"
var stats = map[string]int{}
var statsMu sync.Mutex
func stat(k string){ statsMu.Lock(); stats[k]++; statsMu.Unlock() }
