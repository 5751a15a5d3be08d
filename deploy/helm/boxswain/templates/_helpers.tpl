{{- define "boxswain.name" -}}
{{- if contains "boxswain" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-boxswain" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "boxswain.labels" -}}
app.kubernetes.io/name: boxswain
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* By role: (list . "hub") */}}
{{- define "boxswain.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: boxswain
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "boxswain.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Role, and the field that names a pod's token in the secret: (list . "hub" "metadata.name") */}}
{{- define "boxswain.environment" -}}
{{- $root := index . 0 -}}
{{- $values := $root.Values -}}
- name: TOKEN_NAME
  valueFrom:
    fieldRef:
      fieldPath: {{ index . 2 }}
- name: BOXSWAIN_CONFIG
  value: /etc/boxswain/config.json
- name: BOXSWAIN_FABRIC_CREDENTIALS
  value: /etc/boxswain/role.token
- name: BOXSWAIN_DIRECTORY
  # Below the volume, whose own folder belongs to root.
  value: /var/lib/boxswain/data
{{- if eq (index . 1) "hub" }}
# Workers never see it: they know hubs only.
- name: BOXSWAIN_STORE_URL
  valueFrom:
    secretKeyRef:
      name: {{ $values.records.secret.name }}
      key: {{ $values.records.secret.key }}
{{- end }}
{{- with $values.s3.secret }}
{{- if .name }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .accessKeyId }}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .secretAccessKey }}
{{- end }}
{{- end }}
{{- end }}

{{- define "boxswain.mounts" -}}
- name: config
  mountPath: /etc/boxswain/config.json
  subPath: {{ index . 1 }}.json
  readOnly: true
# Its own token only: a pod cannot see what the others join with.
- name: tokens
  mountPath: /etc/boxswain/role.token
  subPathExpr: $(TOKEN_NAME).token
  readOnly: true
- name: data
  mountPath: /var/lib/boxswain
- name: tmp
  mountPath: /tmp
{{- if (index . 0).Values.nats.ca.name }}
- name: nats-ca
  mountPath: /etc/boxswain/nats-ca
  readOnly: true
{{- end }}
{{- end }}

{{- define "boxswain.volumes" -}}
{{- $values := (index . 0).Values -}}
- name: config
  configMap:
    name: {{ include "boxswain.name" (index . 0) }}
- name: tokens
  secret:
    secretName: {{ index . 1 }}
    defaultMode: 288
- name: tmp
  emptyDir: {}
{{- if $values.nats.ca.name }}
- name: nats-ca
  secret:
    secretName: {{ $values.nats.ca.name }}
    defaultMode: 288
{{- end }}
{{- end }}

{{- define "boxswain.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /healthz, port: health }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: health }
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{- define "boxswain.config" -}}
{{- $values := (index . 0).Values -}}
{{- $s3 := dict "bucket" $values.s3.bucket "region" $values.s3.region "path_style" $values.s3.pathStyle -}}
{{- if $values.s3.endpoint }}{{ $_ := set $s3 "endpoint" $values.s3.endpoint }}{{ end -}}
{{- $fabric := dict "servers" $values.nats.servers -}}
{{- if $values.nats.ca.name }}{{ $_ := set $fabric "ca_file" (printf "/etc/boxswain/nats-ca/%s" $values.nats.ca.key) }}{{ end -}}
{{- $telemetry := dict "sample_ratio" $values.telemetry.sampleRatio -}}
{{- if $values.telemetry.otlpEndpoint }}{{ $_ := set $telemetry "otlp_endpoint" $values.telemetry.otlpEndpoint }}{{ end -}}
{{- $shared := dict "fabric" $fabric "blobs" (dict "s3" $s3) "telemetry" $telemetry "health" (dict "host" "0.0.0.0" "port" 4098) -}}
{{- mustMergeOverwrite $shared (deepCopy (index . 1)) (deepCopy $values.config) | toPrettyJson -}}
{{- end }}
