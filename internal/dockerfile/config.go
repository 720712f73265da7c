package dockerfile

import (
	"maps"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Config is the part of an image config that instructions set.
type Config struct {
	User        string
	Env, Labels map[string]string
}

// Config returns the config of the stage at index i, built on an image with the
// config base and with build arguments. The stage must not be built on another
// stage.
func (f *File) Config(i int, base Config, args map[string]string) (Config, error) {
	c := Config{User: base.User, Env: maps.Clone(base.Env), Labels: maps.Clone(base.Labels)}
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	global := evaluator{lex: shell.NewLex(f.escape), args: args, set: map[string]string{}}
	for i := range f.Args {
		if err := global.declare(f.Args[i]); err != nil {
			return c, &SyntaxError{Line: Line(&f.Args[i]), Message: err.Error()}
		}
	}
	e := evaluator{lex: global.lex, args: args, global: global.set, set: map[string]string{}, env: c.Env}
	for _, cmd := range f.Stages[i].Commands {
		if err := e.apply(&c, cmd); err != nil {
			return c, &SyntaxError{Line: Line(cmd), Message: err.Error()}
		}
	}
	return c, nil
}

// evaluator expands the variables of instructions.
type evaluator struct {
	lex *shell.Lex
	// args are the build arguments, global the declarations before the first
	// FROM, and set those of the stage.
	args, global, set map[string]string
	env               map[string]string
}

// Keys implements [shell.EnvGetter].
func (e *evaluator) Keys() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(e.set)), maps.Keys(e.env))
}

// Get implements [shell.EnvGetter]: ENV overrides ARG.
func (e *evaluator) Get(name string) (string, bool) {
	if value, ok := e.env[name]; ok {
		return value, true
	}
	value, ok := e.set[name]
	return value, ok
}

// apply expands a copy of an instruction and applies it.
func (e *evaluator) apply(c *Config, cmd instructions.Command) error {
	switch cmd := cmd.(type) {
	case *instructions.ArgCommand:
		return e.declare(*cmd)
	case *instructions.EnvCommand:
		own := *cmd
		own.Env = slices.Clone(cmd.Env)
		if err := own.Expand(e.word); err != nil {
			return err
		}
		for _, kv := range own.Env {
			c.Env[kv.Key] = kv.Value
		}
	case *instructions.LabelCommand:
		own := *cmd
		own.Labels = slices.Clone(cmd.Labels)
		if err := own.Expand(e.word); err != nil {
			return err
		}
		for _, kv := range own.Labels {
			c.Labels[kv.Key] = kv.Value
		}
	case *instructions.UserCommand:
		user, err := e.word(cmd.User)
		if err != nil {
			return err
		}
		c.User = user
	}
	return nil
}

func (e *evaluator) word(word string) (string, error) {
	value, _, err := e.lex.ProcessWord(word, e)
	return value, err
}

// declare sets the arguments of an ARG instruction: the build argument, else the
// default, else the value that was declared before FROM.
func (e *evaluator) declare(cmd instructions.ArgCommand) error {
	cmd.Args = slices.Clone(cmd.Args)
	if err := cmd.Expand(e.word); err != nil {
		return err
	}
	for _, arg := range cmd.Args {
		if value, ok := e.args[arg.Key]; ok {
			e.set[arg.Key] = value
		} else if arg.Value != nil {
			e.set[arg.Key] = *arg.Value
		} else if value, ok := e.global[arg.Key]; ok {
			e.set[arg.Key] = value
		}
	}
	return nil
}
