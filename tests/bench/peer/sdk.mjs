export * from '@meeco/sdk';
