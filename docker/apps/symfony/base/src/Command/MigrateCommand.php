<?php

namespace App\Command;

use App\Database;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Run the migrations of a directory that have not run, in the order of their names.
 *
 * The command notes them in the table of Doctrine Migrations, and runs a migration in a transaction, as that does.
 */
#[AsCommand('app:migrate', 'Run the migrations that have not run')]
final class MigrateCommand extends Command
{
    private const LEDGER = 'CREATE TABLE IF NOT EXISTS doctrine_migration_versions (version varchar(191) NOT NULL '
        . 'PRIMARY KEY, executed_at timestamp NULL DEFAULT NULL, execution_time int NULL)';

    public function __construct(private Database $database, private string $root)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('directory', InputArgument::OPTIONAL, 'directory with the migrations', 'migrations');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $connection = $this->database->connection();
        $connection->executeStatement(self::LEDGER);
        $done = $connection->fetchFirstColumn('SELECT version FROM doctrine_migration_versions');
        foreach (glob($this->root . '/' . $input->getArgument('directory') . '/Version*.php') as $file) {
            require_once $file;
            $class = 'DoctrineMigrations\\' . basename($file, '.php');
            if (in_array($class, $done, true)) {
                continue;
            }
            $began = hrtime(true);
            $statements = (new $class($connection))->statements();
            $output->writeln("migrating $class: " . count($statements) . ' statements');
            // MariaDB commits at each statement that changes the schema
            $connection->isTransactionActive() || $connection->beginTransaction();
            foreach ($statements as $statement) {
                $connection->executeStatement($statement);
            }
            $connection->insert('doctrine_migration_versions', [
                'version' => $class,
                'executed_at' => date('Y-m-d H:i:s'),
                'execution_time' => intdiv(hrtime(true) - $began, 1_000_000),
            ]);
            $connection->getNativeConnection()->inTransaction() ? $connection->commit() : $connection->close();
        }

        return Command::SUCCESS;
    }
}
