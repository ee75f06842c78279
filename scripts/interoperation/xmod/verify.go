// What Go's golang.org/x/mod says of our files: verify DIRECTORY, which has the files that case.py wrote.
//
// Its packages sumdb/note and sumdb/tlog check signatures, tiles and proofs. What they do not know is in
// parts.go: cosignatures, which crypto/ed25519 verifies, and the cutting of bundles, receipts and entry tiles.
// Each verdict is printed as a line of JSON, as verdicts.py reads it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	errOther    = errors.New("not what the log has")
	errUnsigned = errors.New("a signature is missing")
)

// A reader knows the files of the case, and the keys of the log, its witness and those who sign statements.
type reader struct {
	files        directory
	log, witness note.Verifier
	signers      note.Verifiers
}

func main() {
	files := directory(os.Args[1])
	var signers []note.Verifier
	for _, key := range strings.Fields(string(files.read("signers"))) {
		signers = append(signers, must(note.NewVerifier(key)))
	}
	log := must(note.NewVerifier(string(files.read("log.key"))))
	r := reader{files, log, newWitness(string(files.read("witness.key"))), note.VerifierList(signers...)}
	r.askCheckpoint()
	r.askTiles()
	for _, path := range must(filepath.Glob(filepath.Join(os.Args[1], "receipts", "*"))) {
		index := strings.TrimSuffix(filepath.Base(path), ".tlog-proof")
		r.askReceipt(must(os.ReadFile(path)), files.read("leaves/"+index))
	}
	var leaf []byte
	for _, part := range bundleParts(files.read("bundle")) {
		if part.kind == "tlog-proof" {
			r.askReceipt(part.data, leaf)
		}
		leaf = part.data
	}
	r.askConsistency()
	r.askEvidence()
}

// tree opens a checkpoint, which must be signed by the log and cosigned by the witness.
func (r reader) tree(signed []byte) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(r.log, r.witness))
	if err != nil {
		return tlog.Tree{}, err
	}
	if len(opened.Sigs) != 2 {
		return tlog.Tree{}, errUnsigned
	}
	return parseTree(opened.Text, r.log.Name())
}

// askCheckpoint spoils each line that is signed, and each signature.
func (r reader) askCheckpoint() {
	signed := r.files.read("checkpoint")
	check := func(data []byte) error { _, err := r.tree(data); return err }
	accepts("checkpoint, signed and cosigned", check(signed))
	for number, what := range []string{"origin", "size", "root"} {
		refuses("checkpoint with another "+what, check(withLine(signed, number, flip(0))))
	}
	for number, line := range bytes.Split(signed, []byte("\n")) {
		for _, key := range []note.Verifier{r.log, r.witness} {
			if !bytes.HasPrefix(line, []byte("— "+key.Name()+" ")) {
				continue
			}
			refuses("checkpoint without the signature of "+key.Name(), check(withLine(signed, number, nil)))
			for _, place := range []int{0, 4, 11, 12, -1} { // of the key's id, a cosignature's time, a signature
				what := fmt.Sprintf("checkpoint with byte %d of %s's signature changed", place, key.Name())
				refuses(what, check(withLine(signed, number, spoil64(place))))
			}
		}
	}
}

// askTiles has the tree and every tile made from the leaves.
func (r reader) askTiles() {
	tree := must(r.tree(r.files.read("checkpoint")))
	accepts("every tile, and every leaf", audit(tiles{r.files, ""}, tree))
	altered := tree
	altered.Hash = other(tree.Hash)
	refuses("every tile, for another root", audit(tiles{r.files, ""}, altered))
	for _, path := range []string{
		"tile/0/000", "tile/0/017", "tile/0/257.p/208", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1",
		"tile/entries/000", "tile/entries/257.p/208",
	} {
		refuses("a byte changed in "+path, audit(tiles{r.files, path}, tree))
	}
}

// audit has tlog make the tree from the leaves, and the tiles from the tree; each must be as it is served.
//
// It does not rely on tlog.TileHashReader, which before v0.40.0 leaves two tiles of some trees unverified
// (CVE-2026-56865), of this one, too; Debian has such versions.
func audit(read tiles, tree tlog.Tree) error {
	var stored hashStore
	for first := int64(0); first < tree.N; first += width {
		leaves, err := entries(read.read(tilePath(tileAt(-1, first, tree.N))))
		if err != nil {
			return err
		}
		for n, leaf := range leaves {
			made, err := tlog.StoredHashes(first+int64(n), leaf, stored)
			if err != nil {
				return err
			}
			stored = append(stored, made...)
		}
	}
	if root, err := tlog.TreeHash(tree.N, stored); err != nil || root != tree.Hash {
		return fmt.Errorf("the root is %w", errOther)
	}
	for _, tile := range tilesOf(tree.N) {
		made, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		if !bytes.Equal(made, read.read(tilePath(tile))) {
			return fmt.Errorf("%s is %w", tilePath(tile), errOther)
		}
	}
	return nil
}

// askReceipt spoils each part of a receipt, and of the statement that it is for.
func (r reader) askReceipt(receipt, leaf []byte) {
	index, proof, signed, err := receiptParts(receipt)
	if err != nil {
		panic(err)
	}
	name := fmt.Sprintf("receipt %d, %s", index, kindOf(leaf))
	check := func(receipt, leaf []byte) error {
		index, proof, signed, err := receiptParts(receipt)
		if err != nil {
			return err
		}
		tree, err := r.tree(signed)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(leaf))
	}
	accepts(name, check(receipt, leaf))
	tree := must(r.tree(signed))
	made, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, tiles{r.files, ""}))
	if err == nil && !reflect.DeepEqual(made, proof) {
		err = errOther
	}
	accepts(name+", as Go makes it from the tiles", err)
	refuses(name+" for another leaf", check(receipt, flipped(leaf, 0)))
	spoil := func(what string, number int, change change) {
		refuses(name+" with another "+what, check(withLine(receipt, number, change), leaf))
	}
	spoil("index", 1, flip(-1))
	for number := range proof {
		spoil(fmt.Sprintf("node %d", number), 2+number, spoil64(-1))
	}
	for number, what := range []string{"origin", "size", "root"} {
		spoil(what, 2+len(proof)+1+number, flip(0))
	}
	statement := func(leaf []byte) error {
		opened, err := note.Open(leaf, r.signers)
		if err == nil && len(opened.UnverifiedSigs) > 0 {
			err = errUnsigned
		}
		return err
	}
	name = fmt.Sprintf("statement %d, %s", index, kindOf(leaf))
	accepts(name, statement(leaf))
	refuses(name+" with another line", statement(withLine(leaf, 6, flip(-1))))
	last := bytes.Count(leaf, []byte("\n")) - 1
	refuses(name+" with another signature", statement(withLine(leaf, last, spoil64(-1))))
}

// askConsistency spoils each root and node of each proof.
func (r reader) askConsistency() {
	for _, path := range must(filepath.Glob(filepath.Join(string(r.files), "consistency", "*"))) {
		var old, new int64
		must(fmt.Sscanf(filepath.Base(path), "%d-%d", &old, &new))
		proof := tlog.TreeProof(must(hashes(bytes.Fields(must(os.ReadFile(path))))))
		first, second := r.root(old), r.root(new)
		name := fmt.Sprintf("consistency of %d and %d", old, new)
		accepts(name, tlog.CheckTree(proof, new, second, old, first))
		refuses(name+", another old root", tlog.CheckTree(proof, new, second, old, other(first)))
		refuses(name+", another new root", tlog.CheckTree(proof, new, other(second), old, first))
		refuses(name+", a node too many", tlog.CheckTree(append(proof, first), new, second, old, first))
		for number, node := range proof {
			changed := append(tlog.TreeProof{}, proof...)
			changed[number] = other(node)
			refuses(fmt.Sprintf("%s, another node %d", name, number), tlog.CheckTree(changed, new, second, old, first))
		}
	}
}

func (r reader) root(size int64) (hash tlog.Hash) {
	copy(hash[:], r.files.read(fmt.Sprintf("roots/%d", size)))
	return hash
}

// askEvidence reads a fork: two signed trees, and the proof that the larger one begins with a third.
func (r reader) askEvidence() {
	parts := bundleParts(r.files.read("evidence.bundle"))
	old, err := r.tree(parts[0].data)
	accepts("evidence: the smaller checkpoint", err)
	new, err := r.tree(parts[1].data)
	accepts("evidence: the larger checkpoint", err)
	shown := must(hashes(bytes.Fields(parts[2].data)))
	accepts("evidence: the larger tree", tlog.CheckTree(shown[1:], new.N, new.Hash, old.N, shown[0]))
	refuses("evidence: a fork as consistent", tlog.CheckTree(shown[1:], new.N, new.Hash, old.N, old.Hash))
}

// accepts and refuses print whether what is as our log wrote it, or tampered with, was accepted.
func accepts(what string, err error) { verdict(what, false, err) }
func refuses(what string, err error) { verdict(what, true, err) }

func verdict(what string, tampered bool, err error) {
	reason := ""
	if err != nil {
		reason = strings.SplitN(err.Error(), "\n", 2)[0]
	}
	line := map[string]any{
		"by": "x/mod", "what": what, "tampered": tampered, "accepted": err == nil, "reason": reason,
	}
	fmt.Println(string(must(json.Marshal(line))))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
