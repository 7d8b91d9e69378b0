package fulfill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestTasksWaitForWhatIsBeforeThem runs random graphs: each task starts after
// all that it waits for, no more run at once than may, and a failure stops
// just what is behind it (X7).
func TestTasksWaitForWhatIsBeforeThem(t *testing.T) {
	for seed := range uint64(200) {
		draw := rand.New(rand.NewPCG(seed, 3))
		n, limit := 1+draw.IntN(20), 1+draw.IntN(4)
		broken := draw.IntN(2 * n) // often none
		var mu sync.Mutex
		done, running, most := map[string]bool{}, 0, 0
		var tasks []task
		behind := map[string]bool{fmt.Sprint(broken): broken < n}
		for i := range n {
			tk := task{name: fmt.Sprint(i), after: []string{"elsewhere"}}
			for before := range i {
				if draw.IntN(3) == 0 {
					tk.after = append(tk.after, fmt.Sprint(before))
					behind[tk.name] = behind[tk.name] || behind[fmt.Sprint(before)]
				}
			}
			tk.do = func(context.Context) error {
				mu.Lock()
				running++
				most = max(most, running)
				for _, a := range tk.after {
					if a != "elsewhere" && !done[a] {
						t.Errorf("seed %d: %s ran before %s had succeeded", seed, tk.name, a)
					}
				}
				mu.Unlock()
				defer func() { mu.Lock(); running--; mu.Unlock() }()
				if i == broken {
					return errors.New("broken")
				}
				mu.Lock()
				done[tk.name] = true
				mu.Unlock()
				return nil
			}
			tasks = append(tasks, tk)
		}
		draw.Shuffle(n, func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
		err := parallel(t.Context(), tasks, limit)
		if (err != nil) != (broken < n) {
			t.Errorf("seed %d: error %v with task %d of %d broken", seed, err, broken, n)
		}
		for i := range n {
			if name := fmt.Sprint(i); done[name] == behind[name] {
				t.Errorf("seed %d: %s done %v, behind the failure %v", seed, name, done[name], behind[name])
			}
		}
		if most > limit {
			t.Errorf("seed %d: %d at once, %d may", seed, most, limit)
		}
	}
}

func TestTasksEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("fenced")
	first := task{name: "a", do: func(context.Context) error { cancel(why); return nil }}
	second := task{name: "b", after: []string{"a"}, do: func(context.Context) error { t.Error("it ran"); return nil }}
	if err := parallel(ctx, []task{first, second}, 1); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
}
