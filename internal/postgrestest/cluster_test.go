package postgrestest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

func query(t *testing.T, address, statement string) string {
	t.Helper()
	connection, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	answer := ""
	if err := connection.QueryRow(context.Background(), statement).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestDatabasesAreApartAndDurable(t *testing.T) {
	first, second := New(t), New(t)
	query(t, first, "WITH made AS (SELECT 1) SELECT set_config('a.b', 'c', false) FROM made")
	if query(t, first, "SELECT current_database()") == query(t, second, "SELECT current_database()") {
		t.Error("two tests share a database")
	}
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := query(t, first, "SHOW "+setting); got != "on" {
			t.Errorf("%s = %s: durability is not the default", setting, got)
		}
	}
}

func TestKillAndResume(t *testing.T) {
	for _, options := range []Options{{}, {TCP: true, Settings: map[string]string{"work_mem": "8MB"}}} {
		killAndResume(t, options)
	}
}

func killAndResume(t *testing.T, options Options) {
	cluster, err := Start("", options)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	address, err := cluster.Create(context.Background(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	cluster.Kill()
	if _, err := pgx.Connect(context.Background(), address); err == nil {
		t.Fatal("the killed server answers")
	}
	if err := cluster.Resume(); err != nil {
		t.Fatal(err)
	}
	if want := options.Settings["work_mem"]; want != "" && query(t, address, "SHOW work_mem") != want {
		t.Error("the setting did not arrive")
	}
	cluster.Halt()
	if err := cluster.Resume(); err != nil {
		t.Fatal(err)
	}
	query(t, address, "SELECT 'there'")
	cluster.Stop()
	if _, err := os.Stat(cluster.Folder()); !os.IsNotExist(err) {
		t.Errorf("the folder stayed: %v", err)
	}
}

func TestWhatToInstall(t *testing.T) {
	t.Setenv("PATH", "")
	if folder, err := findBinaries(); err == nil && versionIn(folder) == 0 {
		t.Errorf("found %s without a PATH", folder)
	}
}
