package dockerfile

import "github.com/moby/buildkit/frontend/dockerfile/instructions"

// Command and the others are the commands of a stage, as BuildKit parses them.
type (
	Command = instructions.Command
	Add     = instructions.AddCommand
	Arg     = instructions.ArgCommand
	Copy    = instructions.CopyCommand
	Label   = instructions.LabelCommand
	Run     = instructions.RunCommand
	User    = instructions.UserCommand

	// Value is an argument of ARG, KeyValue one of LABEL.
	Value    = instructions.KeyValuePairOptional
	KeyValue = instructions.KeyValuePair
	// SourcesAndDest is what ADD and COPY have in common.
	SourcesAndDest = instructions.SourcesAndDest
)
