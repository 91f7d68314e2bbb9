{{/*
A table as TOML; the argument is a dictionary of `path` and `table`. The function `toToml` of Helm writes every number
as a float, which no setting is.
*/}}
{{- define "tickcast.toml" -}}
{{- $path := .path -}}
{{- $table := .table -}}
{{- range $key, $value := $table }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value)) }}
{{ include "tickcast.tomlKey" $key }} = {{ include "tickcast.tomlValue" $value }}
{{- end }}
{{- end }}
{{- range $key, $value := $table }}
{{- if kindIs "map" $value }}
{{- $name := list $path (include "tickcast.tomlKey" $key) | compact | join "." }}
{{- $content := include "tickcast.toml" (dict "path" $name "table" $value) | trim }}
{{- if $content }}

{{ if not (hasPrefix "[" $content) }}[{{ $name }}]
{{ end }}{{ $content }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "tickcast.tomlKey" -}}
{{- regexMatch "^[A-Za-z0-9_-]+$" . | ternary . (toJson .) -}}
{{- end -}}

{{- define "tickcast.tomlValue" -}}
{{- if kindIs "slice" . -}}
{{- $values := list -}}
{{- range . -}}
{{- $values = append $values (include "tickcast.tomlValue" .) -}}
{{- end -}}
[{{ $values | join ", " }}]
{{- else if kindIs "string" . -}}
{{ toJson . }}
{{- else if kindIs "float64" . -}}
{{ eq (floor .) . | ternary (printf "%.0f" .) (toJson .) }}
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}
