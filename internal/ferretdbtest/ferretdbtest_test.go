package ferretdbtest_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"volenti.dev/volenti/internal/ferretdbtest"
)

func TestEveryURLIsAnEmptyDatabaseOfItsOwn(t *testing.T) {
	one, two := database(t, ferretdbtest.URL(t)), database(t, ferretdbtest.URL(t))
	if _, err := one.Collection("person").InsertOne(t.Context(), bson.M{"name": "Anna"}); err != nil {
		t.Fatal(err)
	}
	names, err := two.ListCollectionNames(t.Context(), bson.D{})
	if err != nil || len(names) != 0 {
		t.Errorf("a new database has %q, %v", names, err)
	}
}

// held makes the test binary play a test process that is killed.
const held = "FERRETDBTEST_HELD"

func TestServerDiesWithAProcessThatIsKilled(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHeldServer$")
	child.Env = append(os.Environ(), held+"=1")
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Close() }()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(strings.TrimSpace(line), "mongodb://")
	address, _, _ = strings.Cut(address, "/")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()

	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the server outlived its test process: %v", err)
	}
}

// TestHeldServer is the process that TestServerDiesWithAProcessThatIsKilled
// kills; run by itself it has nothing to do.
func TestHeldServer(t *testing.T) {
	if os.Getenv(held) == "" {
		return
	}
	fmt.Println(ferretdbtest.URL(t))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func database(t *testing.T, url string) *mongo.Database {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(url[strings.LastIndex(url, "/")+1:])
}
