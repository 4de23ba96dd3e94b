// Judges one register's histories with Porcupine (github.com/anishathalye/porcupine), and says how long each took.
//
// benchmarks/peer.py builds and feeds it. Each argument is a file of events, one a line, in recorded order:
//
//	call ID read|write|cas A B     A: what is written or expected, B: what a compare-and-set writes
//	return ID yes|no|unknown V     V: what was read, or was there where a compare-and-set did not match
//
// Values are whole numbers, "-" is the initial value, and a V of "?" is one that nobody knows. Answers, one line a
// file: true, false or unknown, and the seconds that Porcupine took, on the clock and of the process itself, reading the
// file left out.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	initial = math.MinInt
	anybody = math.MinInt + 1
)

type asked struct {
	op   string
	a, b int
}

type answered struct {
	outcome string
	value   int
}

var register = porcupine.Model{
	Init: func() interface{} { return initial },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		now, in, out := state.(int), input.(asked), output.(answered)
		if in.op == "read" {
			return out.outcome == "unknown" || now == out.value, now
		}
		if in.op == "write" {
			return true, in.a
		}
		matches := now == in.a
		after := now
		if matches {
			after = in.b
		}
		switch out.outcome {
		case "yes":
			return matches, after
		case "no":
			return !matches && (out.value == anybody || out.value == now), now
		}
		return true, after
	},
}

func value(word string) int {
	switch word {
	case "-":
		return initial
	case "?":
		return anybody
	}
	number, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	return number
}

func event(line string) porcupine.Event {
	words := strings.Fields(line)
	id, err := strconv.Atoi(words[1])
	if err != nil {
		panic(err)
	}
	if words[0] == "call" {
		input := asked{words[2], value(words[3]), value(words[4])}
		return porcupine.Event{Kind: porcupine.CallEvent, Value: input, Id: id}
	}
	return porcupine.Event{Kind: porcupine.ReturnEvent, Value: answered{words[2], value(words[3])}, Id: id}
}

func load(path string) []porcupine.Event {
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	var events []porcupine.Event
	for lines := bufio.NewScanner(file); lines.Scan(); {
		events = append(events, event(lines.Text()))
	}
	return events
}

func own() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func main() {
	limit, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	for _, path := range os.Args[2:] {
		events := load(path)
		began, ownBegan := time.Now(), own()
		result := porcupine.CheckEventsTimeout(register, events, limit)
		took := time.Since(began).Seconds()
		said := map[porcupine.CheckResult]string{porcupine.Ok: "true", porcupine.Illegal: "false"}[result]
		if said == "" {
			said = "unknown"
		}
		fmt.Println(said, took, own()-ownBegan)
	}
}
