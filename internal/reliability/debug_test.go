package reliability
import ("testing";"time";"os/exec";"path/filepath")
func watchEffects(t testing.TB, w *world) {
	for i := 0; i < 14; i++ {
		time.Sleep(3*time.Second)
		out, _ := exec.Command("sqlite3", "-readonly", filepath.Join(w.servers[0].folder,"oms.db"), "select kind, state, attempts, called, owner, last_error, effects.token, (next_at_us - (select clock_us from stream))/1000,substr(order_id,-5),effects.trace_id from effects where state=1; SELECT order_id,status,payment_status,refund_pending_minor FROM orders WHERE status IN (1, 3) OR payment_status IN (1, 2, 3, 9) OR refund_pending_minor > 0; select 'trace', trace_id from effects limit 3").CombinedOutput()
		println(i, string(out))
	}
}
