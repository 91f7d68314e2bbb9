{{/* Durations as `tickcast.toml` writes them, and the time that a stopping pod has. */}}

{{/* Milliseconds of a duration such as `500ms`, `25s` or `1m 30s`; the argument is a list of the key and the text. */}}
{{- define "tickcast.milliseconds" -}}
{{- $key := index . 0 -}}
{{- $text := index . 1 | toString | trim -}}
{{- if not (regexMatch "^([0-9]+(\\.[0-9]+)?(ms|s|m|h) ?)+$" $text) -}}
{{- fail (printf "config.%s is %q: write a duration such as 500ms, 25s, 1m 30s or 12h" $key $text) -}}
{{- end -}}
{{- $units := dict "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 -}}
{{- $total := 0.0 -}}
{{- range regexFindAll "[0-9]+(\\.[0-9]+)?(ms|s|m|h)" $text -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $total = addf $total (mulf (trimSuffix $unit . | float64) (get $units $unit)) -}}
{{- end -}}
{{- $total -}}
{{- end -}}

{{/*
The seconds of the preStop hook. A container without a shell needs the action `sleep`, which Kubernetes has from 1.30 on.
*/}}
{{- define "tickcast.preStopSeconds" -}}
{{- and (not .Values.embedded.enabled) (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) | ternary (int .Values.preStopSeconds) 0 -}}
{{- end -}}

{{/*
The preStop hook, `drain.notice` and `drain.grace`, and 30 s: after them a node waits 14 s for the last requests and sockets and 3 s for
the collector (docs/OPERATIONS.md), and the rest is for a busy machine. With the defaults it is the 60 s of that page, and the hook.
*/}}
{{- define "tickcast.terminationGracePeriodSeconds" -}}
{{- $drain := .Values.config.drain | default dict -}}
{{- $notice := include "tickcast.milliseconds" (list "drain.notice" ($drain.notice | default "5s")) | float64 -}}
{{- $grace := include "tickcast.milliseconds" (list "drain.grace" ($drain.grace | default "25s")) | float64 -}}
{{- divf (addf $notice $grace) 1000.0 | ceil | int | add 30 (include "tickcast.preStopSeconds" . | int) -}}
{{- end -}}
