package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height      = 8 // of tiles, as C2SP tlog-tiles has it
	width       = 1 << height
	cosignature = 4 // the type byte of Ed25519 cosignatures
	timeSize    = 8
)

// A directory has the files of the case.
type directory string

func (d directory) read(path string) []byte {
	return must(os.ReadFile(filepath.Join(string(d), filepath.FromSlash(path))))
}

// A witness verifies Ed25519 cosignatures, by C2SP tlog-cosignature.
type witness struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

func newWitness(key string) witness {
	parts := strings.SplitN(key, "+", 3)
	blob := must(base64.StdEncoding.DecodeString(parts[2]))
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), blob...))
	w := witness{parts[0], binary.BigEndian.Uint32(sum[:]), blob[1:]}
	if blob[0] != cosignature || fmt.Sprintf("%08x", w.hash) != parts[1] {
		panic("not the key of a witness: " + key)
	}
	return w
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(text, signature []byte) bool {
	if len(signature) != timeSize+ed25519.SignatureSize {
		return false
	}
	head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(signature))
	return ed25519.Verify(w.public, append([]byte(head), text...), signature[timeSize:])
}

var _ note.Verifier = witness{}

// parseTree reads the text of a checkpoint, by C2SP tlog-checkpoint.
func parseTree(text, origin string) (tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != origin {
		return tree, errOther
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

// tiles reads those of the case; in the file that is named damaged, the last byte is changed.
type tiles struct {
	files   directory
	damaged string
}

func (t tiles) Height() int                     { return height }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		data = append(data, t.read(tilePath(tile)))
	}
	return data, nil
}

func (t tiles) read(path string) []byte {
	data := t.files.read(path)
	if path == t.damaged {
		return flipped(data, -1)
	}
	return data
}

// A hashStore has the hashes of a tree, in the order of tlog's indexes.
type hashStore []tlog.Hash

func (s hashStore) ReadHashes(indexes []int64) (found []tlog.Hash, err error) {
	for _, index := range indexes {
		if index >= int64(len(s)) {
			return nil, errOther
		}
		found = append(found, s[index])
	}
	return found, nil
}

// tilesOf lists the tiles of hashes of a tree of that size.
func tilesOf(size int64) (found []tlog.Tile) {
	for level, left := 0, size; left > 0; level, left = level+1, left/width {
		for first := int64(0); first < left; first += width {
			found = append(found, tileAt(level, first, left))
		}
	}
	return found
}

// tileAt is the tile that begins with a hash, on a level that has so many; level -1 has the leaves.
func tileAt(level int, first, size int64) tlog.Tile {
	tile := tlog.Tile{H: height, L: level, N: first / width, W: width}
	if size-first < width {
		tile.W = int(size - first)
	}
	return tile
}

// tilePath names a tile, by C2SP tlog-tiles.
func tilePath(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "/data/", "/entries/", 1)
}

// entries are the leaves of an entry tile: each after its length in two bytes.
func entries(data []byte) (leaves [][]byte, err error) {
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, errOther
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		leaves, data = append(leaves, data[2:end]), data[end:]
	}
	return leaves, nil
}

// A part of a bundle, by docs/formats/bundle.md.
type part struct {
	kind string
	data []byte
}

func bundleParts(data []byte) (parts []part) {
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if string(first) != "hashpact/bundle/v1" {
		panic("not a bundle")
	}
	for len(rest) > 0 {
		head, after, _ := bytes.Cut(rest, []byte("\n"))
		words := strings.Split(string(head), " ")
		size := must(strconv.Atoi(words[2]))
		if after[size] != '\n' {
			panic("a part without its end: " + string(head))
		}
		parts, rest = append(parts, part{words[0], after[:size]}), after[size+1:]
	}
	return parts
}

// receiptParts cuts a C2SP tlog-proof into index, proof and signed checkpoint.
func receiptParts(data []byte) (index int64, proof tlog.RecordProof, signed []byte, err error) {
	head, signed, _ := bytes.Cut(data, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	if string(lines[0]) != "c2sp.org/tlog-proof@v1" {
		return 0, nil, nil, errOther
	}
	index, err = strconv.ParseInt(strings.TrimPrefix(string(lines[1]), "index "), 10, 64)
	if err == nil {
		proof, err = hashes(lines[2:])
	}
	return index, proof, signed, err
}

func hashes(lines [][]byte) (found []tlog.Hash, err error) {
	for _, line := range lines {
		hash, err := tlog.ParseHash(string(line))
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

// kindOf is the word after "kind " in a statement.
func kindOf(leaf []byte) string {
	_, after, _ := strings.Cut(string(leaf), "\nkind ")
	kind, _, _ := strings.Cut(after, "\n")
	return kind
}

// A change makes another line of a line, which has no newline.
type change func(line []byte) []byte

// withLine changes one line of a text, or takes it out where change is nil.
func withLine(text []byte, number int, change change) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	if change == nil {
		lines[number] = nil
	} else {
		lines[number] = append(change(bytes.TrimSuffix(lines[number], []byte("\n"))), '\n')
	}
	return bytes.Join(lines, nil)
}

// flip changes a bit in a byte of a line; a negative place counts from the end.
func flip(place int) change {
	return func(line []byte) []byte { return flipped(line, place) }
}

// spoil64 changes a bit in a byte of what the last word of a line spells in base64.
func spoil64(place int) change {
	return func(line []byte) []byte {
		start := bytes.LastIndexByte(line, ' ') + 1
		blob := must(base64.StdEncoding.DecodeString(string(line[start:])))
		spoiled := base64.StdEncoding.EncodeToString(flipped(blob, place))
		return append(append([]byte{}, line[:start]...), spoiled...)
	}
}

// flipped changes a bit in a byte; a negative place counts from the end.
func flipped(data []byte, place int) []byte {
	changed := append([]byte{}, data...)
	changed[(place+len(data))%len(data)] ^= 1
	return changed
}

func other(hash tlog.Hash) tlog.Hash {
	hash[0] ^= 1
	return hash
}
