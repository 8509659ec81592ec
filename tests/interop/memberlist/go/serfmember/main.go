// SPDX-License-Identifier: Apache-2.0

// One member of a Serf pool that a script drives, as ../member is one of memberlist's.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

type object map[string]interface{}

var output sync.Mutex

func tell(event object) {
	line, _ := json.Marshal(event)
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func describe(event string, member serf.Member) object {
	return object{"ev": event, "name": member.Name, "addr": member.Addr.String(),
		"addr_len": len(member.Addr), "port": member.Port, "tags": member.Tags,
		"status": member.Status.String(),
		"vsn": []int{int(member.ProtocolMin), int(member.ProtocolMax), int(member.ProtocolCur),
			int(member.DelegateMin), int(member.DelegateMax), int(member.DelegateCur)}}
}

func listen(events <-chan serf.Event) {
	for event := range events {
		switch specific := event.(type) {
		case serf.MemberEvent:
			for _, member := range specific.Members {
				tell(describe(specific.Type.String(), member))
			}
		case serf.UserEvent:
			tell(object{"ev": "event", "name": specific.Name, "b64": specific.Payload})
		}
	}
}

func main() {
	name := flag.String("name", "", "")
	bind := flag.String("bind", "127.0.0.1", "an IP address")
	port := flag.Int("port", 7946, "")
	join := flag.String("join", "", "host:port, comma-separated")
	key := flag.String("key", "", "in hexadecimal digits")
	lifetime := flag.Float64("lifetime", 60, "seconds after which the process ends")
	log := flag.String("log", "", "a file")
	flag.Parse()
	time.AfterFunc(time.Duration(*lifetime*float64(time.Second)), func() { os.Exit(3) })

	file, err := os.Create(*log)
	if err != nil {
		fail(err)
	}
	events := make(chan serf.Event, 256)
	config := serf.DefaultConfig()
	config.NodeName = *name
	config.Tags = map[string]string{"kind": "serf"}
	config.EventCh = events
	config.LogOutput = file
	config.MemberlistConfig = memberlist.DefaultLocalConfig()
	config.MemberlistConfig.BindAddr, config.MemberlistConfig.BindPort = *bind, *port
	config.MemberlistConfig.AdvertisePort = *port
	config.MemberlistConfig.LogOutput = file
	if *key != "" {
		config.MemberlistConfig.SecretKey, _ = hex.DecodeString(*key)
	}
	pool, err := serf.Create(config)
	if err != nil {
		fail(err)
	}
	go listen(events)
	tell(describe("up", pool.LocalMember()))
	if *join != "" {
		n, err := pool.Join(strings.Split(*join, ","), false)
		tell(object{"ev": "joined", "n": n, "err": text(err)})
	}

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 2)
		switch words[0] {
		case "quit":
			return
		case "members":
			all := []object{}
			for _, member := range pool.Members() {
				all = append(all, describe("member", member))
			}
			tell(object{"ev": "members", "list": all, "health": pool.Memberlist().GetHealthScore()})
		case "join":
			n, err := pool.Join([]string{words[1]}, false)
			tell(object{"ev": "joined", "n": n, "err": text(err)})
		case "event":
			tell(object{"ev": "done", "command": "event", "err": text(pool.UserEvent(words[1], []byte("pl"), false))})
		case "leave":
			go func() { tell(object{"ev": "left", "err": text(pool.Leave())}) }()
		default:
			tell(object{"ev": "unknown", "command": words[0]})
		}
	}
}
