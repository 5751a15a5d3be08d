import { AppError } from '../../errors/app-error.ts';
import type { UpstreamTemplate } from './upstream.ts';

/**
 * The template of that name or id; `organization/name` tells those of several organizations apart. TEMPLATE_NOT_FOUND with the names that
 * exist, VALIDATION_ERROR when several have it.
 */
export function templateNamed(name: string, templates: readonly UpstreamTemplate[]): UpstreamTemplate {
  const found = templates.filter(template => [template.name, template.id, fullName(template)].includes(name));
  const [template, ...others] = found;
  if (!template)
    throw new AppError('TEMPLATE_NOT_FOUND', `Template not found: ${name}`, {
      details: { template_name: name, templates: [...new Set(templates.map(each => each.name))].sort() },
    });
  if (others.length > 0)
    throw new AppError('VALIDATION_ERROR', `Several templates are named ${name}`, {
      details: { field: 'template_name', templates: found.map(fullName) },
      hint: 'name the organization too, as in details.templates',
    });
  return template;
}

const fullName = ({ organization_name: organization, organization_id: id, name }: UpstreamTemplate): string =>
  `${organization ?? id}/${name}`;

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Presets are known by id: Coder's API tells nobody their names. */
export function presetField(preset: string | undefined): { template_version_preset_id?: string } {
  if (preset === undefined) return {};
  if (UUID.test(preset)) return { template_version_preset_id: preset };
  throw new AppError('VALIDATION_ERROR', 'Invalid request: a preset of Coder is named by its id', {
    details: { field: 'preset' },
  });
}

/** Values of parameters as Coder takes them, as texts. */
export const parameterValues = (parameters: Readonly<Record<string, unknown>>): { name: string; value: string }[] =>
  Object.entries(parameters).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : JSON.stringify(value),
  }));
