import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk';
import { readFile } from 'node:fs/promises';
import type { Prompt } from '../../driver.ts';

type Content = SDKUserMessage['message']['content'];

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;

/** The text and what is attached to it: pictures and PDFs for the model itself, of other files the path, which the agent can read. */
export async function contentOf({ text, attachments }: Prompt): Promise<Content> {
  if (attachments.length === 0) return text;
  const blocks = attachments.map(
    async ({ path, contentType, seenAs = path }): Promise<Exclude<Content, string>[number]> => {
      const media_type = IMAGES.find(type => type === contentType);
      if (media_type) return { type: 'image', source: { type: 'base64', media_type, data: await base64(path) } };
      if (contentType === 'application/pdf') {
        return { type: 'document', source: { type: 'base64', media_type: contentType, data: await base64(path) } };
      }
      return { type: 'text', text: `[attached file: ${seenAs}]` };
    },
  );
  return [...(await Promise.all(blocks)), { type: 'text', text }];
}

const base64 = (path: string): Promise<string> => readFile(path, 'base64');
