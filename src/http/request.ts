import { isJsonContentType, readRequestBody } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { isNestedDeeperThan, MAX_DEPTH } from '../auth/nesting.ts';
import { AppError } from '../errors/app-error.ts';
import type { Operation } from '../operations/operation.ts';
import { HttpRefusal } from './errors.ts';

type Arguments = Record<string, unknown>;

/** The JSON object of a request body; an empty body is an empty object. */
export async function readArguments(request: Request, maxBytes: number): Promise<Arguments> {
  const body = await bodyOf(request, maxBytes);
  if (body.tooLarge) throw bodyTooLarge(maxBytes);
  return argumentsOf(body.text, request.headers.get('content-type'));
}

/** What the text of a body says, as `readArguments`. */
export function argumentsOf(text: string, contentType: string | null): Arguments {
  if (text === '') return {};
  if (!isJsonContentType(contentType)) {
    const error = new AppError('VALIDATION_ERROR', 'the request body must be application/json', {
      hint: 'set the header content-type: application/json',
    });
    throw new HttpRefusal(415, error);
  }
  if (isNestedDeeperThan(MAX_DEPTH, text)) {
    throw new AppError('VALIDATION_ERROR', `the request body is nested deeper than ${MAX_DEPTH} levels`);
  }
  const parsed = parsedOr(undefined, text);
  if (!isObject(parsed)) throw new AppError('VALIDATION_ERROR', 'the request body must be a JSON object');
  return parsed;
}

export function bodyTooLarge(maxBytes: number): HttpRefusal {
  const hint = 'send less at once; artifacts go through POST /api/artifacts';
  return new HttpRefusal(
    413,
    new AppError('VALIDATION_ERROR', `the request body is larger than ${maxBytes} bytes`, { hint }),
  );
}

/** A body that says how long it is is read from the connection itself: through the streams of the web it costs more than a small call. */
async function bodyOf(request: Request, maxBytes: number): ReturnType<typeof readRequestBody> {
  const length = request.headers.get('content-length');
  if (length !== null && Number(length) <= maxBytes) return { tooLarge: false, text: await request.text() };
  return await readRequestBody(request, maxBytes);
}

const isObject = (value: unknown): value is Arguments =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsedOr(fallback: undefined, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** The query of a request as arguments of an operation: numbers and booleans where its schema has them. */
export function queryArguments(request: Request, operation: Operation): Arguments {
  const args: Arguments = {};
  for (const [name, text] of new URL(request.url).searchParams)
    args[name] = typedValue(text, operation.input.shape[name]);
  return args;
}

function typedValue(text: string, schema: unknown): unknown {
  if (!(schema instanceof z.ZodType) || schema.safeParse(text).success) return text;
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}
