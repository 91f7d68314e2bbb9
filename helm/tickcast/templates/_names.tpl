{{/* Names and labels. */}}

{{- define "tickcast.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 42 characters leave room for the longest suffix, `-config-` with a checksum or `-dashboard-overview`. */}}
{{- define "tickcast.fullname" -}}
{{- $name := include "tickcast.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 42 | trimSuffix "-" -}}
{{- end -}}

{{- define "tickcast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tickcast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tickcast.nodeSelectorLabels" -}}
{{ include "tickcast.selectorLabels" . }}
app.kubernetes.io/component: node
{{- end -}}

{{/* Labels of an object; the argument is a list of the root and the component. */}}
{{- define "tickcast.labels" -}}
{{- $root := index . 0 -}}
{{ include "tickcast.selectorLabels" $root }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tickcast.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end -}}
{{- end -}}

{{- define "tickcast.serviceAccountName" -}}
{{- $default := .Values.serviceAccount.create | ternary (include "tickcast.fullname" .) "default" -}}
{{- .Values.serviceAccount.name | default $default -}}
{{- end -}}

{{/* The name contains the content: pods of an earlier release keep their own configuration when a later one is faulty. */}}
{{- define "tickcast.configName" -}}
{{ include "tickcast.fullname" . }}-config-{{ include "tickcast.config" . | sha256sum | trunc 10 }}
{{- end -}}

{{- define "tickcast.redisSecretName" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "tickcast.fullname" .)) -}}
{{- end -}}

{{- define "tickcast.redisSecretKey" -}}
{{- empty .Values.redis.existingSecret | ternary "url" .Values.redis.existingSecretKey -}}
{{- end -}}

{{- define "tickcast.trialName" -}}
{{ include "tickcast.fullname" . }}-redis
{{- end -}}

{{- define "tickcast.claimName" -}}
{{- .Values.embedded.existingClaim | default (printf "%s-data" (include "tickcast.fullname" .)) -}}
{{- end -}}

{{- define "tickcast.usesIpv6" -}}
{{- $service := .Values.service -}}
{{- if or (has "IPv6" $service.ipFamilies) (contains "DualStack" $service.ipFamilyPolicy) }}true{{ end -}}
{{- end -}}

{{- define "tickcast.listenHost" -}}
{{- .Values.listen.host | default (include "tickcast.usesIpv6" . | empty | ternary "0.0.0.0" "[::]") -}}
{{- end -}}

{{- define "tickcast.appProtocol" -}}
{{- .Values.service.appProtocol | default (empty .Values.tls.existingSecret | ternary "http" "https") -}}
{{- end -}}

{{- define "tickcast.ipFamilies" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tickcast.trialSelectorLabels" -}}
{{ include "tickcast.selectorLabels" . }}
app.kubernetes.io/component: redis
{{- end -}}
