// Follows the roster's changes as JSON lines. Run: cleverctl changes --consumer app --json --values | go run lines.go
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
)

type change struct {
	Op, Kind, ID string
	After        *struct{ Roles map[string]json.RawMessage }
}

func apply(c change) {
	// Here the app writes its own rows; a change may come twice, so write what should be, not what is to be added.
	roles := 0
	if c.After != nil {
		roles = len(c.After.Roles)
	}
	fmt.Println(c.Op, c.Kind, c.ID, roles)
}

func main() {
	for lines := json.NewDecoder(os.Stdin); ; {
		var c change
		if err := lines.Decode(&c); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		apply(c)
	}
}
