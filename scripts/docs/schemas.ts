import { z } from 'zod';

interface Property {
  type?: string | string[] | undefined;
  description?: string | undefined;
  default?: unknown;
  enum?: unknown[] | undefined;
  anyOf?: Property[] | undefined;
  items?: Property | undefined;
  properties?: Record<string, Property> | undefined;
  required?: string[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  maxLength?: number | undefined;
  minItems?: number | undefined;
  maxItems?: number | undefined;
  pattern?: string | undefined;
}

const propertySchema: z.ZodType<Property> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    default: z.unknown().optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(propertySchema).optional(),
    items: propertySchema.optional(),
    properties: z.record(z.string(), propertySchema).optional(),
    required: z.array(z.string()).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    maxLength: z.number().optional(),
    minItems: z.number().optional(),
    maxItems: z.number().optional(),
    pattern: z.string().optional(),
  }),
);

/** The fields of an object's JSON Schema, in words. */
export interface Field {
  readonly name: string;
  readonly isRequired: boolean;
  readonly type: string;
  readonly defaultText: string;
  readonly description: string;
}

export function fieldsOf(schema: unknown): Field[] {
  const { properties = {}, required = [] } = propertySchema.parse(schema);
  return Object.entries(properties).map(([name, property]) => ({
    name,
    isRequired: required.includes(name),
    type: typeText(property),
    defaultText: property.default === undefined ? '' : JSON.stringify(property.default),
    description: property.description ?? '',
  }));
}

function typeText(property: Property): string {
  if (property.enum) return property.enum.map(value => JSON.stringify(value)).join(' | ');
  if (property.anyOf) return property.anyOf.map(typeText).join(' | ');
  if (property.properties) {
    const required = property.required ?? [];
    const fields = Object.entries(property.properties).map(
      ([name, field]) => `${name}${required.includes(name) ? '' : '?'}: ${typeText(field)}`,
    );
    return `{${fields.join(', ')}}`;
  }
  const base = property.items ? `${inBrackets(typeText(property.items))}[]` : nameOf(property.type);
  return `${base}${boundsText(property)}`;
}

const inBrackets = (type: string): string => (/ [|] /.test(type) ? `(${type})` : type);

function nameOf(type: Property['type']): string {
  if (Array.isArray(type)) return type.map(nameOf).join(' | ');
  return type === 'object' ? 'map' : (type ?? 'any value');
}

function boundsText({ minimum, maximum, maxLength, minItems, maxItems, pattern }: Property): string {
  if (pattern !== undefined) return ` ${pattern}`;
  const low = minimum ?? minItems;
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : (maximum ?? maxItems ?? maxLength);
  if (low === undefined && high === undefined) return '';
  if (high === undefined) return ` (≥ ${low})`;
  return low === undefined ? ` (≤ ${high})` : ` (${low}–${high})`;
}
