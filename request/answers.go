package request

import (
	"encoding/json"
	"errors"
)

// AnswersPaper is the kind of the one paper that holds the answers to the
// questions of a policy, as a JSON object.
const AnswersPaper = "fields"

// AnswersOf reads them out of the papers of their kind, by the keys of the
// questions; nil where there are none.
func AnswersOf(k Sealer, tenant, id string, papers []Paper) (answers map[string]any, err error) {
	for _, p := range papers {
		plain, err := p.Unseal(k, tenant, id)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(plain, &answers) != nil {
			return nil, errors.New("the answers to the questions of the policy cannot be read") // the error of JSON may repeat them
		}
	}
	return answers, nil
}
