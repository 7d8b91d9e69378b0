package web

import "net/http"

func showHome(v *visit) error { return v.show(http.StatusOK, "center/home", nil, nil) }
