package web

import (
	"net/http"
	"time"
)

// notice is what a third party sees of its instructions. The records are in the
// letter and nowhere else.
type notice struct {
	Organisation string    `json:"organisation"`
	Reference    string    `json:"reference"`
	Dataset      string    `json:"dataset"`
	Due          time.Time `json:"due"`
	Answer       string    `json:"answer"`
}

func showInstructions(v *visit) error { return v.instructions(http.StatusOK, nil) }

func (v *visit) instructions(status int, f *form) error {
	var n notice
	if err := v.post("/public/instructions", map[string]string{"token": v.link()}, &n); err != nil {
		return err
	}
	return v.show(status, "center/instructions", n, f)
}

func acknowledge(v *visit) error {
	v.here = v.r.URL.Path
	answer := map[string]string{"token": v.link(), "answer": v.value("answer")}
	switch answer["answer"] {
	case "":
		return v.instructions(http.StatusUnprocessableEntity, v.lacking("answer", "instructions.choose"))
	case "question":
		if answer["question"] = v.value("question"); answer["question"] == "" {
			return v.instructions(http.StatusUnprocessableEntity, v.lacking("question", "instructions.ask"))
		}
	}
	err := v.post("/public/instructions/acknowledge", answer, nil)
	if err == nil {
		return v.redirect(v.here)
	}
	if is(err, http.StatusForbidden) {
		return err
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.instructions(status, f)
}
