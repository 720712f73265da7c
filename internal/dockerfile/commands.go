package dockerfile

import "github.com/moby/buildkit/frontend/dockerfile/instructions"

type (
	// Command is any command of a stage, as BuildKit parses it.
	Command = instructions.Command
	// Add is an ADD instruction.
	Add = instructions.AddCommand
	// Arg is an ARG instruction.
	Arg = instructions.ArgCommand
	// Copy is a COPY instruction.
	Copy = instructions.CopyCommand
	// Label is a LABEL instruction.
	Label = instructions.LabelCommand
	// Run is a RUN instruction.
	Run = instructions.RunCommand
	// User is a USER instruction.
	User = instructions.UserCommand

	// Value is an argument of ARG.
	Value = instructions.KeyValuePairOptional
	// KeyValue is an argument of LABEL.
	KeyValue = instructions.KeyValuePair
	// SourcesAndDest is what ADD and COPY have in common.
	SourcesAndDest = instructions.SourcesAndDest
)
