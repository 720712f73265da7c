// Prints a Mermaid diagram of standard input as SVG. The argument is the folder
// with node_modules.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const library = resolve(process.argv[2], 'node_modules/beautiful-mermaid/dist/index.js')
const { renderMermaidSVG } = await import(pathToFileURL(library))
const svg = renderMermaidSVG(readFileSync(0, 'utf8'), { transparent: true })
process.stdout.write(svg.replace(/@import url\([^)]*\);/, '')) // pages load nothing from elsewhere
