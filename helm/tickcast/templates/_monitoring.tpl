{{/* Alerts select the label `job`, and name nodes by the label `instance`. */}}
{{- define "tickcast.relabelings" -}}
- targetLabel: job
  replacement: {{ .Values.monitoring.job }}
- sourceLabels: [__meta_kubernetes_pod_name]
  targetLabel: instance
{{- end -}}
