package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkServe measures the program as it is installed: how long from its
// start to its first answer, what it holds when nobody asks, and its size. F13
func BenchmarkServe(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "volenti")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(binary)
	if err != nil {
		b.Fatal(err)
	}
	data, resident := b.TempDir(), 0.0
	b.ResetTimer()
	for range b.N {
		resident = serveOnce(b, binary, data)
	}
	b.ReportMetric(resident, "MB-resident")
	b.ReportMetric(float64(info.Size())/(1<<20), "MB-binary")
}

var answersOn = regexp.MustCompile(`http://[0-9.:]+`)

// serveOnce starts the server, waits for its first answer and ends it. What it
// holds is read a second later, with the clock stopped.
func serveOnce(b *testing.B, binary, data string) (megabytes float64) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	serve := exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", "127.0.0.1:0")
	serve.Cancel = func() error { return serve.Process.Signal(os.Interrupt) }
	out, err := serve.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	got, err := http.Get(answersOn.FindString(line) + "/readyz")
	if err != nil || got.StatusCode != http.StatusOK {
		b.Fatalf("%v %v", got, err)
	}
	_ = got.Body.Close()
	b.StopTimer()
	<-time.After(time.Second)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", serve.Process.Pid))
	if err != nil {
		b.Skip("what a process holds is read from /proc")
	}
	_, text, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	stop()
	_ = serve.Wait()
	b.StartTimer()
	return kilobytes / 1024
}
