// SPDX-License-Identifier: Apache-2.0

// One member of a pool, of memberlist itself, that a script drives: commands come in on standard
// input, what happens goes out on standard output, one JSON object a line. ../../gossip_member.cc
// says the same of kith.
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
)

type object map[string]interface{}

var (
	output sync.Mutex
	state  []byte
)

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

func describe(event string, node *memberlist.Node) object {
	return object{"ev": event, "name": node.Name, "addr": node.Addr.String(),
		"addr_len": len(node.Addr), "port": node.Port, "meta_b64": node.Meta,
		"vsn": []int{int(node.PMin), int(node.PMax), int(node.PCur),
			int(node.DMin), int(node.DMax), int(node.DCur)}}
}

// A broadcast that nothing replaces.
type message []byte

func (m message) Invalidates(memberlist.Broadcast) bool { return false }
func (m message) Message() []byte                       { return m }
func (m message) Finished()                             {}

// hooks is every delegate that memberlist has for what this program tells.
type hooks struct {
	sync.Mutex
	meta  []byte
	queue *memberlist.TransmitLimitedQueue
}

func (h *hooks) NodeMeta(int) []byte {
	h.Lock()
	defer h.Unlock()
	return h.meta
}
func (h *hooks) NotifyMsg(bytes []byte) {
	tell(object{"ev": "msg", "b64": append([]byte{}, bytes...)})
}
func (h *hooks) GetBroadcasts(overhead, limit int) [][]byte {
	return h.queue.GetBroadcasts(overhead, limit)
}
func (h *hooks) LocalState(bool) []byte { return state }
func (h *hooks) MergeRemoteState(bytes []byte, join bool) {
	tell(object{"ev": "merge", "join": join, "b64": append([]byte{}, bytes...)})
}
func (h *hooks) NotifyJoin(node *memberlist.Node)   { tell(describe("join", node)) }
func (h *hooks) NotifyLeave(node *memberlist.Node)  { tell(describe("leave", node)) }
func (h *hooks) NotifyUpdate(node *memberlist.Node) { tell(describe("update", node)) }
func (h *hooks) NotifyConflict(mine, theirs *memberlist.Node) {
	tell(object{"ev": "conflict", "name": mine.Name, "mine": mine.Address(), "theirs": theirs.Address()})
}

func main() {
	name := flag.String("name", "", "")
	bind := flag.String("bind", "127.0.0.1", "an IP address")
	port := flag.Int("port", 7946, "")
	join := flag.String("join", "", "host:port, comma-separated")
	key := flag.String("key", "", "in hexadecimal digits")
	label := flag.String("label", "", "")
	compress := flag.Bool("compress", false, "")
	meta := flag.String("meta", "", "")
	userState := flag.String("state", "", "user state for push/pulls")
	profile := flag.String("profile", "local", "local or lan")
	pushPull := flag.Float64("push-pull", 0, "seconds")
	lifetime := flag.Float64("lifetime", 60, "seconds after which the process ends")
	log := flag.String("log", "", "a file")
	flag.Parse()
	time.AfterFunc(time.Duration(*lifetime*float64(time.Second)), func() { os.Exit(3) })

	config := memberlist.DefaultLocalConfig()
	if *profile == "lan" {
		config = memberlist.DefaultLANConfig()
	}
	config.Name = *name
	config.BindAddr, config.BindPort = *bind, *port
	config.AdvertisePort = *port
	config.EnableCompression = *compress
	setLabel(config, *label)
	if *pushPull > 0 {
		config.PushPullInterval = time.Duration(*pushPull * float64(time.Second))
	}
	if *key != "" {
		config.SecretKey, _ = hex.DecodeString(*key)
	}
	file, err := os.Create(*log)
	if err != nil {
		fail(err)
	}
	config.LogOutput = file

	state = []byte(*userState)
	delegate := &hooks{meta: []byte(*meta)}
	var list *memberlist.Memberlist
	delegate.queue = &memberlist.TransmitLimitedQueue{
		RetransmitMult: config.RetransmitMult,
		NumNodes:       func() int { return list.NumMembers() },
	}
	config.Delegate, config.Events, config.Conflict = delegate, delegate, delegate
	if list, err = memberlist.Create(config); err != nil {
		fail(err)
	}
	up := describe("up", list.LocalNode())
	tell(up)
	if *join != "" {
		joinAll(list, strings.Split(*join, ","))
	}

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 2)
		rest := ""
		if len(words) == 2 {
			rest = words[1]
		}
		if words[0] == "quit" {
			break
		}
		obey(list, delegate, config, words[0], rest)
	}
}

func joinAll(list *memberlist.Memberlist, addresses []string) {
	n, err := list.Join(addresses)
	tell(object{"ev": "joined", "n": n, "err": text(err)})
}

func obey(list *memberlist.Memberlist, delegate *hooks, config *memberlist.Config, command, rest string) {
	done := func(err error) { tell(object{"ev": "done", "command": command, "err": text(err)}) }
	switch command {
	case "members":
		all := []object{}
		for _, node := range list.Members() {
			all = append(all, describe("member", node))
		}
		tell(object{"ev": "members", "list": all, "health": list.GetHealthScore()})
	case "join":
		go joinAll(list, []string{rest})
	case "leave":
		go func() { tell(object{"ev": "left", "err": text(list.Leave(5 * time.Second))}) }()
	case "bcast":
		delegate.queue.QueueBroadcast(message(rest))
		done(nil)
	case "udp", "tcp":
		words := strings.SplitN(rest+" ", " ", 2)
		payload := []byte(strings.TrimSuffix(words[1], " "))
		for _, node := range list.Members() {
			if node.Name != words[0] {
				continue
			}
			if command == "udp" {
				done(list.SendBestEffort(node, payload))
			} else {
				done(list.SendReliable(node, payload))
			}
			return
		}
		done(fmt.Errorf("no member has this name"))
	case "setmeta":
		delegate.Lock()
		delegate.meta = []byte(rest)
		delegate.Unlock()
		go func() { done(list.UpdateNode(5 * time.Second)) }()
	case "addkey", "usekey", "removekey":
		key, _ := hex.DecodeString(rest)
		switch command {
		case "addkey":
			done(config.Keyring.AddKey(key))
		case "usekey":
			done(config.Keyring.UseKey(key))
		default:
			done(config.Keyring.RemoveKey(key))
		}
	default:
		tell(object{"ev": "unknown", "command": command})
	}
}
