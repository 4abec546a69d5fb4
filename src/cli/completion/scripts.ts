/**
 * The completion scripts. Each hands the words before the cursor to the hidden command `__complete` of the very program
 * that is being typed, so that they never fall behind it. Its answer has a line for each candidate (value, tab, what it
 * is) and a last one that says what the shell completes by itself: `:files`, `:folders` or `:none`.
 */
export const SCRIPTS = {
  // Also for bash 3.2, which macOS has: no compopt there, and no mapfile.
  bash: `# bash completion for headrace
_headrace() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line tab=$'\\t'
  [ "$current" = "=" ] && current=""
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current") ;;
      :folders)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current") ;;
      :*) ;;
      *) COMPREPLY+=("\${line%%"$tab"*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _headrace headrace
`,
  zsh: `#compdef headrace
# zsh completion for headrace
_headrace() {
  local -a candidates
  local line value paths tab=$'\\t'
  while IFS= read -r line; do
    case "$line" in
      :files) _files ;;
      :folders) _files -/ ;;
      :*) ;;
      *)
        value="\${line%%$'\\t'*}"
        about="\${line#*$'\\t'}"
        candidates+=("\${value//:/\\\\:}:$about") ;;
    esac
  done < <("\${(Q)words[1]}" __complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( $#candidates )); then
    _describe -t headrace headrace candidates
  elif [ "$paths" = ":files" ]; then
    _files
  elif [ "$paths" = ":folders" ]; then
    _files -/
  fi
}
if [ "$funcstack[1]" = "_headrace" ]; then
  _headrace "$@"
else
  compdef _headrace headrace
fi
`,
  fish: `# fish completion for headrace
function __headrace_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case ':*'
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c headrace -f -a '(__headrace_complete)'
`,
} as const;

export type Shell = keyof typeof SCRIPTS;
