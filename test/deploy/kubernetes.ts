import { validate as daemonSet } from 'kubernetes-models/_schemas/IoK8sApiAppsV1DaemonSet';
import { validate as statefulSet } from 'kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet';
import { validate as autoscaler } from 'kubernetes-models/_schemas/IoK8sApiAutoscalingV2HorizontalPodAutoscaler';
import { validate as configMap } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap';
import { validate as service } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import { validate as serviceAccount } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ServiceAccount';
import { validate as ingress } from 'kubernetes-models/_schemas/IoK8sApiNetworkingV1Ingress';
import { validate as networkPolicy } from 'kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy';
import { validate as disruptionBudget } from 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget';
import { z } from 'zod';

type Validate = ((data: unknown) => boolean) & { readonly errors?: unknown };

/** Made of the API documents of Kubernetes by the package kubernetes-models. */
const validators: Readonly<Record<string, Validate>> = {
  'apps/v1 DaemonSet': daemonSet,
  'apps/v1 StatefulSet': statefulSet,
  'autoscaling/v2 HorizontalPodAutoscaler': autoscaler,
  'v1 ConfigMap': configMap,
  'v1 Service': service,
  'v1 ServiceAccount': serviceAccount,
  'networking.k8s.io/v1 Ingress': ingress,
  'networking.k8s.io/v1 NetworkPolicy': networkPolicy,
  'policy/v1 PodDisruptionBudget': disruptionBudget,
};

const resourceSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
export type Resource = z.output<typeof resourceSchema>;

export const parseResource = (document: unknown): Resource => resourceSchema.parse(document);

/** What a strict API server would refuse: wrong types and values, missing fields, and fields that there are none of. */
export function problemsOf(resource: Resource): string[] {
  const kind = `${resource.apiVersion} ${resource.kind}`;
  const validate = validators[kind];
  if (validate === undefined) return [`${kind} is not known here`];
  const watched = new Watched();
  const isValid = validate(watched.of(resource, kind));
  const wrong = isValid
    ? []
    : z
        .array(z.looseObject({ instancePath: z.string(), keyword: z.string(), params: z.looseObject({}) }))
        .parse(validate.errors);
  return [
    ...wrong.map(({ instancePath, keyword, params }) => `${kind}${instancePath} ${keyword} ${JSON.stringify(params)}`),
    ...watched.unread(),
  ];
}

/**
 * Sees which fields a validator looks at. It looks at all that it knows, and a map of free names it goes through; so what it never
 * looked at is no field of Kubernetes. (Its documents call no field unknown, as clients of a later version must be served.)
 */
class Watched {
  readonly #seen: { readonly path: string; readonly keys: readonly string[]; readonly read: Set<string> }[] = [];

  of(value: object, path: string): object {
    const read = new Set<string>();
    if (!Array.isArray(value)) this.#seen.push({ path, keys: Object.keys(value), read });
    const children = new Map<string, object>();
    return new Proxy(value, {
      get: (target, key) => {
        const found: unknown = Reflect.get(target, key);
        if (typeof key !== 'string') return found;
        read.add(key);
        if (typeof found !== 'object' || found === null) return found;
        const child = children.get(key) ?? this.of(found, `${path}/${key}`);
        children.set(key, child);
        return child;
      },
    });
  }

  unread(): string[] {
    return this.#seen.flatMap(({ path, keys, read }) =>
      keys.filter(key => !read.has(key)).map(key => `${path}/${key} is no field`),
    );
  }
}
