package chaos

import (
	"context"
	"fmt"
)

// DamageMode is how the data of a shard copy is damaged.
type DamageMode string

// The modes of damage.
const (
	// BadChecksum: bytes of a segment file change, so that they no longer match the checksum
	// in its footer. Whoever reads the whole file finds it.
	BadChecksum DamageMode = "checksum"
	// SilentDamage: documents differ from those of the other copies, and every checksum
	// matches, as after a bug. Only a comparison of the copies finds it.
	SilentDamage DamageMode = "silent"
	// FilesMissing: the files of the index are gone. Whoever opens them finds it.
	FilesMissing DamageMode = "missing"
)

// DamageModes are all modes, the default first.
func DamageModes() []string {
	return []string{string(BadChecksum), string(SilentDamage), string(FilesMissing)}
}

// CopyRef names a shard copy by where it lies.
type CopyRef struct {
	Index string
	Shard int
	Node  string
}

// String is "logs[0] on n2".
func (r CopyRef) String() string { return fmt.Sprintf("%s[%d] on %s", r.Index, r.Shard, r.Node) }

// Damage is what is to be done to a copy.
type Damage struct {
	Copy CopyRef
	Mode DamageMode
	// Docs is how many documents a [SilentDamage] changes.
	Docs int
}

// CopyCondition is what a look at a damaged copy's files showed.
type CopyCondition struct {
	// Damaged: what was damaged is still on the disk as the damage left it.
	Damaged bool
	// Noticed: the node has found it and marked its copy as corrupted.
	Noticed bool
	// Files says in words what lies there.
	Files string
}

// Copies are the shard copies on the nodes' disks.
type Copies interface {
	// SupportsDamage returns an error that says why a mode can't be had.
	SupportsDamage(DamageMode) error
	// Damage damages the copy, whether or not the node's process runs. It is an error when
	// the node holds no copy, or one without data.
	Damage(context.Context, Damage) error
	// Condition looks at a copy that was damaged.
	Condition(context.Context, Damage) (CopyCondition, error)
}

// damageCopy damages a shard copy. There is no undoing it: a copy is whole again when
// the cluster has replaced it.
type damageCopy struct{ damage Damage }

func (d damageCopy) String() string {
	switch d.damage.Mode {
	case SilentDamage:
		return fmt.Sprintf("change %d documents of %s", d.damage.Docs, d.damage.Copy)
	case FilesMissing:
		return fmt.Sprintf("delete the files of %s", d.damage.Copy)
	}
	return fmt.Sprintf("change bytes in a segment of %s", d.damage.Copy)
}

func (d damageCopy) of(t Target) (Copies, error) {
	if t.Copies != nil {
		return t.Copies, nil
	}
	return nil, lacks("the files of shard copies")
}

func (d damageCopy) Needs(t Target) error {
	c, err := d.of(t)
	if err != nil {
		return err
	}
	return c.SupportsDamage(d.damage.Mode)
}

// Holds implements [Primitive]: damage is done, and stays by itself.
func (d damageCopy) Holds() Hold { return Hold{} }

func (d damageCopy) Inject(ctx context.Context, t Target) error {
	c, err := d.of(t)
	if err != nil {
		return err
	}
	return c.Damage(ctx, d.damage)
}

// Heal does nothing: nobody but the cluster can make the copy whole.
func (d damageCopy) Heal(context.Context, Target) error { return nil }

func (d damageCopy) condition(ctx context.Context, t Target) (CopyCondition, error) {
	c, err := d.of(t)
	if err != nil {
		return CopyCondition{}, err
	}
	return c.Condition(ctx, d.damage)
}

// Bites looks whether the damage is on the disk. A node may have found it before the
// look, which shows it too.
func (d damageCopy) Bites(ctx context.Context, t Target) Evidence {
	c, err := d.condition(ctx, t)
	return evidence(d, err, c.Damaged || c.Noticed, "%s: %s", d.damage.Copy, c.Files)
}

// Gone looks whether the cluster has replaced what was damaged.
func (d damageCopy) Gone(ctx context.Context, t Target) Evidence {
	c, err := d.condition(ctx, t)
	if c.Damaged || c.Noticed {
		return evidence(d, err, false, "not repaired: %s: %s", d.damage.Copy, c.Files)
	}
	return evidence(d, err, true, "replaced by the cluster: %s: %s", d.damage.Copy, c.Files)
}
